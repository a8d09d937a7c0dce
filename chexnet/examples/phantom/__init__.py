"""A synthetic thorax: ray sums through a body of simple solids, shown as a posteroanterior chest film.

No patient is behind it. Every solid is closed and given in millimetres: ``x`` towards the patient's left
(the film's right), ``z`` up, ``y`` forward along the parallel rays; the origin is the film's centre.
The film follows Beer and Lambert: ``exp(-sum of attenuation x path)`` arrives, scatter and quantum noise
join it, and its logarithm is shown through a sigmoid window, bone white, as computed radiography does.
``SYNTHETIC`` is burned into the corner.

From the ground up: ``rays``; ``solids`` and ``rods``, which rays meet; ``anatomy``, what differs from body
to body; ``organs``, ``skeleton`` and ``lungs``; ``thorax``, their sum; ``film``, from ray sums to grey
values; ``phantom``, the whole way. Each imports only what stands before it.
"""

from chexnet.examples.phantom.anatomy import Anatomy, Opacity
from chexnet.examples.phantom.phantom import Phantom, thorax_phantom

__all__ = ["Anatomy", "Opacity", "Phantom", "thorax_phantom"]
