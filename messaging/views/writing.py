"""What both sides' pages do with a message that is being written, and with its files."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header

from accounts.access import PersonRequest
from accounts.actors import Actor
from messaging import queries
from messaging.actions import MessageTarget, keep_files, send
from messaging.files import LARGEST_FILE, MOST_FILES
from messaging.forms import MessageForm
from orders.outcomes import Refused, sole
from orders.views.acts import answered_before, done_once


@dataclass(frozen=True)
class Writing:
    """A message that one person writes about one order."""

    request: PersonRequest
    order_id: int
    by: Actor
    now: datetime

    @cached_property
    def about(self) -> list[object]:
        """What makes a second sending the same one: the order, and what is in the files."""
        return ["message", self.order_id, *digests(self.request, most=MOST_FILES)]

    def was_sent_before(self) -> bool:
        """Whether the very same was sent already."""
        return answered_before(self.request, self.about) is not None

    def form(self, *, of_seller: bool, **initial: str) -> MessageForm:
        """What was written, or an empty form, with the files that were added before."""
        waiting = queries.files_waiting(self.order_id, self.request.user.pk)
        if self.request.method == "POST":
            return MessageForm(self.request.POST, self.request.FILES, of_seller=of_seller, waiting=waiting)
        kept = [file.pk for file in waiting]
        return MessageForm(of_seller=of_seller, waiting=waiting, initial={**initial, "kept": kept})

    def send(self, form: MessageForm, *, may_speak_of_cancelling: bool = False) -> None:
        """Send what a valid form says; the files of one that is refused are kept.

        Raises Refused.
        """
        target = MessageTarget(
            self.order_id,
            form.topic_chosen,
            form.cleaned_data["text"],
            tuple(form.taken),
            form.kept_chosen,
            may_speak_of_cancelling=may_speak_of_cancelling,
        )
        try:
            done_once(
                self.request,
                form,
                self.about,
                lambda: sole(send(targets=[target], by=self.by, now=self.now)).as_dict(),
                now=self.now,
            )
        except Refused:
            self.keep(form)
            raise

    def keep(self, form: MessageForm) -> None:
        """Keep the files of a form that is shown again: browsers do not send them twice by themselves."""
        waiting = keep_files(
            order_id=self.order_id, files=form.taken, keeping=form.kept_known, by=self.by, now=self.now
        )
        form.show_waiting(waiting, all_chosen=True)


def digests(request: PersonRequest, *, most: int) -> list[str]:
    """What is in the files that came with a form; one more than it takes is one too many already."""
    return [_digest(file) for file in request.FILES.getlist("attachments")[: most + 1]]


def _digest(file) -> str:
    """What is in a file; of those that nobody takes, how large it is."""
    if file.size > LARGEST_FILE:
        return f"{file.size}"
    digest = hashlib.sha256(file.read()).hexdigest()
    file.seek(0)
    return f"{file.name} {digest}"


def answer_with_file(order_id: int, key: int, user_id: int) -> HttpResponse:
    """A file of an order's talk, or 404; pictures are shown, all else is saved.

    Whoever asks was found to be a side of the order's talk (reliability S-08).
    """
    return file_answer(queries.file_of_order(order_id, key, user_id))


def file_answer(file) -> HttpResponse:
    """A kept file, or 404 for None; pictures are shown, all else is saved."""
    if file is None:
        raise Http404
    answer = HttpResponse(bytes(file.content), content_type=file.kind)
    disposition = content_disposition_header(not file.is_picture, file.name)
    if disposition:
        answer["Content-Disposition"] = disposition
    return answer
