"""Where a picture comes from, written into its file and read from one.

PNG: text chunks `parameters` (`pipelines.infotext`) and `darkroom` (`pipelines.recipe`), and XMP. JPEG and WEBP: the
first as EXIF UserComment, the second inside XMP. The XMP says in IPTC's words that a model drew the picture.
"""

import html
import io
import re
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from pipelines import infotext, recipe
from pipelines.tasks import Drawn, Embedded, Inpaint, Outpaint, Picture, Setting

PARAMETERS, RECIPE, XMP_CHUNK = "parameters", "darkroom", "XML:com.adobe.xmp"
MOST_BYTES = 65_000  # of EXIF or XMP: a segment of a JPEG file holds 65,533 with its name
# Of IPTC's NewsCodes: https://cv.iptc.org/newscodes/digitalsourcetype/
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DRAWN, DRAWN_IN_PART = f"{SOURCE}trainedAlgorithmicMedia", f"{SOURCE}compositeWithTrainedAlgorithmicMedia"
# XMP Specification Part 1 (ISO 16684-1); the property is of the IPTC Photo Metadata Standard, section Extension.
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="darkroom"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="{source}"{task}/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
TASK_ATTRIBUTE = ' xmlns:darkroom="urn:darkroom:1" darkroom:task="{}"'
TASK_IN_XMP = re.compile(rb'\sdarkroom:task="([^"]*)"')
TURNED_IN_XMP = re.compile(rb'(tiff:Orientation(?:="|>))[0-9]')
RAW = re.compile(r"Raw profile |XML:")  # other metadata in the guise of text; EXIF and XMP are kept as what they are
MOST_TEXTS = 32
# EXIF 2.32, section 4.6.5: a comment begins with eight bytes that name its code.
UNICODE, PLAIN = b"UNICODE\0", (b"ASCII\0\0\0", bytes(8))


def save_options(task: Drawn, picture: Picture, format: str) -> dict[str, Any]:
    """What `Image.save` of Pillow is to be told, so that the file of a drawn picture says what drew it.

    format: png, jpeg or webp. What is too long for a format is left out.
    """
    text = infotext.written(infotext.infotext_of(task, picture))
    told = recipe.written(recipe.alone(task, picture))
    source = DRAWN_IN_PART if isinstance(task, Inpaint | Outpaint) else DRAWN
    plain = PACKET.format(source=source, task="")
    if format == "png":
        return {"pnginfo": _chunks({PARAMETERS: text, RECIPE: told}, plain)}
    whole = PACKET.format(source=source, task=TASK_ATTRIBUTE.format(html.escape(told)))
    return _segments(Image.Exif(), text, (whole.encode(), plain.encode()))


def kept_options(image: Image.Image, format: str) -> dict[str, Any]:
    """The same for an edited copy of `image` that is to keep its metadata: all but how it was to be turned."""
    image.load()  # text may come after the pixels
    profile = image.info.get("icc_profile") or b""
    kept = {"icc_profile": profile} if profile[16:20] == b"RGB " else {}  # that of CMYK is not for what it became
    exif, xmp = _exif(image), TURNED_IN_XMP.sub(rb"\g<1>1", _xmp(image))
    exif.pop(ExifTags.Base.Orientation, None)
    if format != "png":
        return kept | _segments(exif, embedded_text(image), (xmp,))
    texts = {str(name): text for name, text in image.info.items() if isinstance(text, str)}
    texts = {PARAMETERS: embedded_text(image), RECIPE: embedded_recipe(image)} | texts
    short = [name for name, text in texts.items() if 0 < len(text) <= MOST_BYTES and not RAW.match(name)]
    chunks = _chunks({name: texts[name] for name in short[:MOST_TEXTS]}, xmp.decode("utf-8", "replace"))
    return kept | {"pnginfo": chunks} | ({"exif": exif.tobytes()} if len(exif) else {})


def carrier(image: Image.Image) -> bytes:
    """A PNG of one pixel with the metadata of an opened picture, for `kept_options` when an edited copy is written."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG", **kept_options(image, "png"))
    return file.getvalue()


def carried(file: bytes) -> Image.Image:
    """What `carrier` wrote, opened."""
    return Image.open(io.BytesIO(file), formats=("PNG",))


def embedded(image: Image.Image) -> Embedded | None:
    """What the file of an opened picture says of how it was made; None where that is nothing, or too much."""
    text = embedded_text(image)
    if not 0 < len(text) <= MOST_BYTES:
        return None
    said = infotext.parsed(text)
    settings = tuple(Setting(name, value) for name, value in said.settings.items())
    return Embedded(text, said.prompt, said.negative_prompt, settings)


def embedded_text(image: Image.Image) -> str:
    """The `parameters` text of an opened picture, or "": from PNG text, or from the EXIF comment of any format."""
    image.load()
    text = image.info.get(PARAMETERS)
    return text if isinstance(text, str) else _comment(_exif(image))


def embedded_recipe(image: Image.Image) -> str:
    """The task of an opened picture as `pipelines.recipe` reads it, or "" where there is none."""
    image.load()
    text = image.info.get(RECIPE)
    if isinstance(text, str):
        return text
    found = TASK_IN_XMP.search(_xmp(image))
    return html.unescape(found[1].decode("utf-8", "replace")) if found else ""


def _chunks(texts: dict[str, str], xmp: str) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        chunks.add_text(name, text)
    if 0 < len(xmp) <= MOST_BYTES:
        chunks.add_itxt(XMP_CHUNK, xmp)
    return chunks


def _segments(exif: Image.Exif, text: str, packets: tuple[bytes, ...]) -> dict[str, bytes]:
    """EXIF with the text as its comment, and the first of the XMP packets that is short enough."""
    segments = {}
    if text:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = UNICODE + text.encode("utf-16-be", "replace")
    if len(exif) or text:
        segments["exif"] = exif.tobytes()
    if packet := next((packet for packet in packets if len(packet) <= MOST_BYTES), b""):
        segments["xmp"] = packet
    return {name: segment for name, segment in segments.items() if len(segment) <= MOST_BYTES}


def _exif(image: Image.Image) -> Image.Exif:
    """A copy, or an empty one where the picture's own cannot be read."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif") or b"")
        exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:  # of a broken file, and there Pillow raises nearly anything
        return Image.Exif()
    return exif


def _xmp(image: Image.Image) -> bytes:
    xmp = image.info.get("xmp")
    return xmp if isinstance(xmp, bytes) else b""


def _comment(exif: Image.Exif) -> str:
    """UTF-16 stands in either order in the files of the world: most letters are Latin, their high bytes zero."""
    raw = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if not isinstance(raw, bytes):
        return raw if isinstance(raw, str) else ""
    code, body = raw[:8], raw[8:]
    if code == UNICODE:
        order = "be" if body[0::2].count(0) >= body[1::2].count(0) else "le"
        return body.decode(f"utf-16-{order}", "replace")
    return (body if code in PLAIN else raw).decode("utf-8", "replace").strip("\0 ")
