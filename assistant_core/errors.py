"""The errors that a caller may want to tell apart. Each message names the thing, the value and the next step.

AssistantError
├── SettingsError      a settings file or variable that cannot be used
├── StoreError         the history cannot be opened, read or written
├── ImportFileError    a history file that cannot be read as what it was said to be
├── ServiceError       the service cannot be reached, or does not answer as agreed
├── ModelError         a model file, card or vocabulary that cannot be used, or none is there
├── TrainingError      what is to be learnt from, or a run, cannot be used
└── SealError          an encrypted file that cannot be opened, or the key that it takes
"""

from __future__ import annotations


class AssistantError(Exception):
    """Base of every error that is shown to the user as one line."""


class SettingsError(AssistantError):
    """A settings file or variable that cannot be used."""


class StoreError(AssistantError):
    """The history cannot be opened, read or written."""


class ImportFileError(AssistantError):
    """A history file that cannot be read as what it was said to be."""


class ServiceError(AssistantError):
    """The service cannot be reached, or does not answer as agreed."""


class ModelError(AssistantError):
    """A model file, card or vocabulary that cannot be used, or none is there."""


class TrainingError(AssistantError):
    """What is to be learnt from, or a training run, cannot be used."""


class SealError(AssistantError):
    """An encrypted file that cannot be opened, or the key that it takes."""
