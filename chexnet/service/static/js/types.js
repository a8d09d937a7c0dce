// The shapes of the server's JSON (see /openapi.json) and of what the page makes of them, for the type check.

/**
 * @typedef {object} Finding
 * @property {string} finding
 * @property {number} probability
 * @property {number} score
 * @property {number | null} threshold
 * @property {string | null} policy
 * @property {boolean | null} present
 * @property {boolean} validated
 *
 * @typedef {object} Radiograph
 * @property {string} file_format
 * @property {number} width
 * @property {number} height
 * @property {number} bits
 * @property {string | null} modality
 * @property {string | null} body_part
 * @property {string | null} view_position
 * @property {string | null} patient_sex
 * @property {number | null} patient_age_years
 * @property {[number, number] | null} pixel_spacing_mm
 * @property {boolean | null} burned_in_annotation
 * @property {Record<string, string | null> | null} identifiers
 *
 * @typedef {object} Links
 * @property {string} self
 * @property {string} film the image as PNG; the name is older than the page.
 * @property {string} film_raw
 * @property {string | null} maps
 * @property {Record<string, string>} map
 * @property {Record<string, string>} overlay
 *
 * @typedef {object} Prediction
 * @property {string | null} id
 * @property {string} image
 * @property {"ok" | "refused" | "error"} status
 * @property {string | null} reason
 * @property {Finding[]} findings
 * @property {string[]} notes
 * @property {Radiograph | null} radiograph
 * @property {Links | null} links
 *
 * @typedef {object} Interval
 * @property {number} value
 * @property {number} low
 * @property {number} high
 *
 * @typedef {object} Reliability
 * @property {number} ece
 * @property {number} brier
 * @property {number[]} mean_probability
 * @property {number[]} observed
 * @property {number[]} low
 * @property {number[]} high
 *
 * @typedef {object} Worth what calls at the operating point were worth in the test.
 * @property {number} called
 * @property {number} correct
 * @property {Interval} ppv
 * @property {Interval} sensitivity
 * @property {Interval} specificity
 *
 * @typedef {object} CardFinding
 * @property {string} finding
 * @property {string} display
 * @property {Interval | null} auroc
 * @property {number} positives
 * @property {number} negatives
 * @property {number | null} threshold
 * @property {boolean} validated
 * @property {string | null} reason
 * @property {Worth | null} worth
 * @property {{ before: Reliability, after: Reliability } | null} calibration_test
 *
 * @typedef {object} Card
 * @property {string} name
 * @property {string} version
 * @property {string} sha256
 * @property {string} intended_use
 * @property {string} policy
 * @property {CardFinding[]} findings
 * @property {string} test_data
 * @property {Record<string, unknown>} training
 * @property {{ size: number }} preprocessing
 * @property {string} software
 * @property {"mean" | "log_sum_exp" | "none"} maps
 *
 * @typedef {object} Layer
 * @property {number[][]} evidence
 * @property {number} full_scale
 * @property {[number, number][][]} contours in pixels of the file.
 *
 * @typedef {object} Pixels grey values, scaled by the server.
 * @property {number} width
 * @property {number} height
 * @property {number} bits
 * @property {Uint8Array | Uint16Array} grey
 *
 * @typedef {object} Content what a pane shows of one prediction.
 * @property {Pixels} image
 * @property {Record<string, Layer>} maps
 *
 * @typedef {{ x: number, y: number }} Point in pixels of the image or of the pane.
 * @typedef {{ centre: number, width: number, inverted: boolean }} GreyWindow on grey values from 0 to 1.
 *
 * @typedef {"waiting" | "sending" | "reading" | "busy" | "lost" | "ok" | "refused" | "error"} Phase
 */

export {};
