// OpenSeadragon is a script of its own in the page, not a module.
/// <reference types="openseadragon" />
