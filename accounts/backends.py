"""Who is signed in: the person, with what every page asks about them, in one statement."""

from django.contrib.auth.backends import ModelBackend

from .models import User
from .second_factor import person_with_duty


class PeopleBackend(ModelBackend):
    """Django's own, but for how a session's person is read."""

    def get_user(self, user_id: int) -> User | None:
        """The person of a session, if they may still sign in."""
        person = person_with_duty(user_id)
        return person if person is not None and self.user_can_authenticate(person) else None
