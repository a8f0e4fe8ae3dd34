"""One module per file format: the structure of the file, read without decoding.

Each `scan(data)` returns a `Container`: size, frames, orientation, and a stream with the
first frame alone for the decoder. It walks the file to its end marker, so a file that was
cut is refused here even where a decoder would fill the rest with grey. Metadata never
reaches the decoder: that is what makes corrupt EXIF harmless, keeps Pillow from warning,
and needs no change to the process's warning filters (which threads share).
"""
