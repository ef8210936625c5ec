"""Contacts known in advance: the types, and the files they come in."""

from dtn.contact_plan.contact import TIME_TOLERANCE_S, Contact
from dtn.contact_plan.plan import ContactPlan

__all__ = ["TIME_TOLERANCE_S", "Contact", "ContactPlan"]
