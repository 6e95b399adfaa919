"""What OpenAI's package for Python does with a server: python openai_client.py <address of the server>/v1

The server has a tiny model that makes 8x8 pixels, called dall-e-2, and the key `secret`.
"""

import base64
import io
import sys

import openai
from PIL import Image

client = openai.OpenAI(base_url=sys.argv[1], api_key="secret", max_retries=0)
few = {"steps": 2}


def opened(b64):
    return Image.open(io.BytesIO(base64.b64decode(b64)))


assert [model.id for model in client.models.list()][0] == "dall-e-2"

answer = client.images.generate(
    model="dall-e-2", prompt="a cat", n=2, size="256x256", response_format="b64_json", extra_body=few | {"seed": 3}
)
assert [opened(image.b64_json).size for image in answer.data] == [(256, 256)] * 2
assert answer.notes[0] == "dall-e-2 takes no text: the prompt was ignored"

again = client.images.generate(
    prompt="", n=1, size="256x256", response_format="b64_json", extra_body=few | {"seed": 3}
)
assert again.data[0].b64_json == answer.data[0].b64_json

types = [
    event.type
    for event in client.images.generate(prompt="", stream=True, partial_images=1, extra_body=few)
]
assert types == ["image_generation.partial_image", "image_generation.completed"], types

file = io.BytesIO()
Image.new("RGB", (16, 16), (200, 40, 90)).save(file, "PNG")
upload = ("image.png", file.getvalue(), "image/png")
mask = io.BytesIO()
Image.new("RGBA", (16, 16), (0, 0, 0, 0)).save(mask, "PNG")
edited = client.images.edit(
    image=[upload], mask=("mask.png", mask.getvalue(), "image/png"), prompt="", response_format="b64_json", extra_body=few
)
assert opened(edited.data[0].b64_json).size == (8, 8)
varied = client.images.create_variation(image=upload, n=2, response_format="b64_json")
assert len(varied.data) == 2

try:
    client.images.generate(prompt="", model="none")
    raise AssertionError("there is no such model")
except openai.NotFoundError as error:
    assert error.code == "model_not_found" and error.param == "model"
try:
    client.with_options(api_key="other").models.list()
    raise AssertionError("the key is another")
except openai.AuthenticationError as error:
    assert error.code == "invalid_api_key"

print("all as expected")
