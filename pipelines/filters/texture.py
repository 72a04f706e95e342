"""Filters that look at a pixel's place or its neighbours: blur, edges, blocks, grain. RGB in, RGB out."""

import cv2
import numpy as np
from PIL import Image, ImageFilter

SHARPEN_RADIUS = 2  # pixels
VIGNETTE_START = 0.5  # of the way from the middle to a corner: nearer than this nothing darkens


def blur(picture: Image.Image, radius: float) -> Image.Image:
    """Gaussian; `radius` is its standard deviation in pixels."""
    return picture.filter(ImageFilter.GaussianBlur(radius))


def sharpen(picture: Image.Image, amount: float) -> Image.Image:
    """Unsharp mask: `amount` times what a blur would take away is added."""
    return picture.filter(ImageFilter.UnsharpMask(SHARPEN_RADIUS, round(100 * amount), 0))


def vignette(picture: Image.Image, intensity: float) -> Image.Image:
    """Corners darken, to black with intensity 1; the middle stays as it is."""
    x, y = (np.linspace(-1, 1, side, dtype=np.float32) if side > 1 else np.zeros(1) for side in picture.size)
    distance = np.hypot(x[None, :], y[:, None])
    way = ((distance / max(distance.max(), 1) - VIGNETTE_START) / (1 - VIGNETTE_START)).clip(0, 1)
    light = 1 - intensity * way * way * (3 - 2 * way)  # smooth at both ends
    return Image.fromarray(np.rint(np.asarray(picture) * light[..., None]).astype(np.uint8))


def noise(picture: Image.Image, intensity: float, seed: int) -> Image.Image:
    """Gaussian noise in each channel, the same for the same seed; intensity: its deviation, 1 is the whole range."""
    pixels = np.asarray(picture)
    grain = np.random.default_rng(seed).standard_normal(pixels.shape, dtype=np.float32)
    return Image.fromarray(np.rint(pixels + 255 * intensity * grain).clip(0, 255).astype(np.uint8))


def pixelate(picture: Image.Image, size: int) -> Image.Image:
    """Blocks of `size` x `size` pixels of their mean colour; those at the right and at the bottom may be cut."""
    width, height = min(size, picture.width), min(size, picture.height)
    blocks = picture.reduce((width, height))
    whole = (blocks.width * width, blocks.height * height)
    return blocks.resize(whole, Image.Resampling.NEAREST).crop((0, 0, *picture.size))


def edge(picture: Image.Image, intensity: float) -> Image.Image:
    """Outlines in white on black: the length of Sobel's gradient; intensity 0 leaves the picture, 1 the outlines."""
    gray = np.asarray(picture.convert("L"))
    steepness = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    outlines = Image.fromarray(np.rint(steepness / 4).clip(0, 255).astype(np.uint8))  # 4: the weight of Sobel's kernel
    return Image.blend(picture, outlines.convert("RGB"), intensity)
