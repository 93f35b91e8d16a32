"""The user model of the project."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class PersonManager(BaseUserManager["Person"]):
    """Makes people."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Person:
        person = self.model(email=self.normalize_email(email), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str | None = None) -> Person:
        return self.create_user(email, password, is_staff=True, is_superuser=True)


class Person(AbstractBaseUser):
    """Somebody who signs in by email address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    is_superuser = models.BooleanField(default=False)

    objects = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        app_label = "foreign"

    def __str__(self) -> str:
        return self.email

    def has_perm(self, permission: str, obj: Any = None) -> bool:
        return self.is_active and self.is_superuser

    def has_module_perms(self, label: str) -> bool:
        return self.is_active and self.is_superuser
