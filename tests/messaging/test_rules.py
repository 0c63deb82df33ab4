"""What a message wishes, and what it pushes for: Japanese and English cases, false friends included."""

import pytest

from messaging.rules import BUYERS, CRITICAL, SELLERS, Topic, is_critical, pushes_to_cancel, wishes_to_cancel

WISHES = [
    "キャンセルしたいです。",
    "注文をキャンセルしてください",
    "ｷｬﾝｾﾙできますか",
    "届くのが旅行に間に合わないので、キャンセルしたいです。",
    "取り消しをお願いします",
    "取消してください",
    "間違えたので注文をやめたいです",
    "購入を取りやめます",
    "キャンセル料はかかりますか。かからなければキャンセルします。",
    "Please cancel my order.",
    "I would like a cancellation",
    "CANCEL!!",
    "Can this be cancelled? I ordered twice.",
    "I want to call off the purchase",
    "注文の取消をお願いします",
    "取消希望です",
    "キャンセルしないといけなくなりました",
    "キャンセルしなくてはなりません",
    "Why can I not cancel my order?",
]
NO_WISHES = [
    "キャンセルしないでください。",
    "キャンセルはしません、待ちます。",
    "キャンセルせずに待ちます",
    "キャンセル料は？",
    "キャンセルポリシーを教えてください",
    "キャンセルされましたか？",
    "ノイズキャンセリングの機能はありますか",
    "キャンセルではなく、色の変更をお願いします",
    "いつ届きますか",
    "領収書の宛名を変更できますか。",
    "",
    "Please do not cancel my order.",
    "Don't cancel it",
    "I do not want to cancel",
    "What is the cancellation fee?",
    "Is it noise-cancelling?",
    "Has it been cancelled by you?",
    "When will it arrive?",
]
PUSHES = [
    "キャンセルのリクエストを送信してください。",
    "お手数ですがキャンセル手続きをお願いします",
    "キャンセル依頼を押していただけますか",
    "Could you please cancel the order on your side?",
    "Please request the cancellation from your account.",
    "注文を取り消してください",
    "取り消しをお願いします",
]
NO_PUSHES = [
    "ご注文ありがとうございます。7月10日に発送いたします。",
    "キャンセルを承りました。",
    "We cancelled the order because it is out of stock.",
    "キャンセルリクエストの取り下げをお願いします。",
    "発送後のキャンセルはご遠慮をお願いします",
    "キャンセルはできかねますのでご理解をお願いします",
    "Please do not cancel your order.",
    "Please note that we cannot cancel it after dispatch.",
    "",
]


@pytest.mark.parametrize("text", WISHES)
def test_a_wish_is_heard(text):
    assert wishes_to_cancel(Topic.OTHER, text)


@pytest.mark.parametrize("text", NO_WISHES)
def test_what_only_speaks_of_cancelling_is_none(text):
    assert not wishes_to_cancel(Topic.OTHER, text)


def test_the_topic_alone_is_a_wish():
    assert wishes_to_cancel(Topic.CANCEL, "よろしくお願いします")


@pytest.mark.parametrize("text", PUSHES)
def test_b17_a_push_is_heard(text):
    assert pushes_to_cancel(text)


@pytest.mark.parametrize("text", NO_PUSHES)
def test_b17_what_pushes_nobody_is_none(text):
    assert not pushes_to_cancel(text)


def test_d32_the_topic_decides_what_must_reach_the_buyer():
    assert {topic for topic in SELLERS if is_critical(topic)} == CRITICAL
    assert not is_critical(Topic.OTHER)
    assert set(BUYERS) | set(SELLERS) == set(Topic)
