"""Table: what all tables of a scenario file have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

Name = Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=63)]


class Table(BaseModel):
    """A TOML table: immutable, no unknown keys, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def mend(text: str) -> PydanticCustomError:
    """What a validator raises: words that say what to write instead."""
    return PydanticCustomError("mend", "{mend}", {"mend": text})
