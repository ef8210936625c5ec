"""The strategies that come with Lightlag, one file each; importing this package registers them."""

from dtn.routing.strategies import direct, epidemic, first_contact, sabr

__all__ = ["direct", "epidemic", "first_contact", "sabr"]
