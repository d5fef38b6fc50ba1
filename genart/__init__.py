"""genart: a recipe goes in, a picture comes out.

A recipe is plain data; the studio is the only state; moving through latent space is making
recipes. Nothing is imported here, so that `genart.recipe` stays free of torch and gradio.
"""

__version__ = "0.1.0"
