"""The dialect OpenAI Chat Completions, as one `Dialect`. Every vendor that copies the format is read and written here.

What each piece does stands in the file that it comes from. Knows no vendor.
"""

from freehold.dialects.dialect import Dialect
from freehold.dialects.openai_chat_passing import pass_request, seal
from freehold.dialects.openai_chat_reading import NAME, read_request
from freehold.dialects.openai_chat_reply import read_reply, write_reply
from freehold.dialects.openai_chat_stream import ChatReader, hides
from freehold.dialects.openai_chat_stream_writing import ChatWriter
from freehold.dialects.openai_chat_writing import write_request
from freehold.dialects.openai_errors import read_error, write_error

DIALECT = Dialect(
    name=NAME,
    path="/chat/completions",
    read_request=read_request,
    write_request=write_request,
    pass_request=pass_request,
    read_reply=read_reply,
    write_reply=write_reply,
    stream_reader=ChatReader,
    stream_writer=ChatWriter,
    seal=seal,
    hides=hides,
    read_error=read_error,
    write_error=write_error,
)
