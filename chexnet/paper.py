"""What the paper says: Rajpurkar et al. 2017, "CheXNet". Imports nothing."""

PATHOLOGIES = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
"""The 14 pathologies in the order of Table 2, spelled as ChestX-ray14 labels them."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of the images in the ImageNet training set, RGB in [0, 1] (section 3.1)."""

IMAGE_SIZE = 224
"""Side of the network's input in pixels (section 3.1)."""

BATCH_SIZE = 16
LEARNING_RATE = 1e-3
LEARNING_RATE_DECAY = 0.1
ADAM_BETAS = (0.9, 0.999)
"""Section 2.2."""

BOOTSTRAP_SAMPLES = 10_000
CONFIDENCE = 0.95
"""Section 4.1."""

PNEUMONIA_SPLIT = {"train": (28_744, 98_637), "validation": (1_672, 6_351), "test": (389, 420)}
"""Patients and images of the pneumonia task (section 3.1)."""

PATHOLOGY_SPLIT = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""Shares of the 14-pathology task (section 5)."""

TABLE_1 = {
    "Radiologist 1": (0.383, (0.309, 0.453)),
    "Radiologist 2": (0.356, (0.282, 0.428)),
    "Radiologist 3": (0.365, (0.291, 0.435)),
    "Radiologist 4": (0.442, (0.390, 0.492)),
    "Radiologist Avg.": (0.387, (0.330, 0.442)),
    "CheXNet": (0.435, (0.387, 0.481)),
}
"""F1 for pneumonia on the 420 test images, with its 95 % bootstrap interval."""

TABLE_1_DIFFERENCE = (0.051, (0.005, 0.084))
"""F1 of CheXNet minus the radiologists' average (section 4.1)."""

_TABLE_2_ROWS = (
    ("Atelectasis", 0.716, 0.772, 0.8094),
    ("Cardiomegaly", 0.807, 0.904, 0.9248),
    ("Effusion", 0.784, 0.859, 0.8638),
    ("Infiltration", 0.609, 0.695, 0.7345),
    ("Mass", 0.706, 0.792, 0.8676),
    ("Nodule", 0.671, 0.717, 0.7802),
    ("Pneumonia", 0.633, 0.713, 0.768),
    ("Pneumothorax", 0.806, 0.841, 0.8887),
    ("Consolidation", 0.708, 0.788, 0.7901),
    ("Edema", 0.835, 0.882, 0.8878),
    ("Emphysema", 0.815, 0.829, 0.9371),
    ("Fibrosis", 0.769, 0.767, 0.8047),
    ("Pleural_Thickening", 0.708, 0.765, 0.8062),
    ("Hernia", 0.767, 0.914, 0.9164),
)

TABLE_2 = {
    column: {pathology: areas[number] for pathology, *areas in _TABLE_2_ROWS}
    for number, column in enumerate(("Wang et al. (2017)", "Yao et al. (2017)", "CheXNet"))
}
"""AUROC for each pathology, as published; each system on its own random split."""
