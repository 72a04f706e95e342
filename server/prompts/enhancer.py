"""Better prompts: by the operator's language model where there is one, by the rules otherwise and when it fails."""

from dataclasses import dataclass
from typing import Literal

import structlog

from server.errors import EnhancerFailed
from server.fetch import Way
from server.prompts import rules
from server.prompts.blocklist import Blocklist
from server.prompts.chat import Chat
from server.prompts.library import Library
from server.prompts.looks import Looks, words_for
from server.prompts.words import added
from server.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Enhanced:
    """original: as the caller wrote it. enhancer: which it was, None where only words of choice were added.

    fell_back: in one word why the rules took the model's place: unreachable, refused, unreadable, empty, too_long,
    blocked.
    """

    original: str
    prompt: str
    negative_prompt: str
    enhancer: Literal["rules", "chat"] | None = None
    fell_back: str | None = None


class Enhancer:
    """chat: None where the rules are to do it."""

    def __init__(self, library: Library, blocklist: Blocklist, chat: Chat | None = None) -> None:
        self._library, self._blocklist, self._chat = library, blocklist, chat

    def dressed(self, prompt: str, negative_prompt: str, looks: Looks, limit: int) -> Enhanced:
        """Both prompts with the words of what was chosen by name, and nothing else. Raises EntryUnknown."""
        words = words_for(looks, self._library.now)
        text, negative = self._added(prompt, words.prompt, limit), self._added(negative_prompt, words.negative, limit)
        return Enhanced(prompt, text, negative)

    async def enhance(
        self, prompt: str, negative_prompt: str, *, template: str, looks: Looks, seed: int, limit: int
    ) -> Enhanced:
        """The prompt with more to it. template: of the enhancer. limit: characters of either prompt.

        The rules keep the caller's words and add behind them; a model may say them otherwise. Raises EntryUnknown and
        PromptBlocked, before any model is asked.
        """
        self._blocklist.check_text(prompt, "prompt")
        self._blocklist.check_text(negative_prompt, "negative_prompt")
        content = self._library.now
        how, chosen = content.enhancement_template(template), words_for(looks, content)
        dressed = self._added(prompt, chosen.prompt, limit)
        negative = self._added(negative_prompt, (*chosen.negative, *how.negative), limit)
        reason = None
        if self._chat is not None:
            try:
                text = await self._asked(self._chat, dressed, how.guide, seed, limit)
                return Enhanced(prompt, self._added(text, chosen.prompt, limit), negative, "chat")
            except EnhancerFailed as error:
                reason = error.reason
                log.warning("enhancer_fell_back", reason=reason)
        text = self._added(dressed, rules.additions(dressed, how, content, seed), limit)
        return Enhanced(prompt, text, negative, "rules", reason)

    async def _asked(self, chat: Chat, prompt: str, guide: str, seed: int, limit: int) -> str:
        text = await chat.enhanced(prompt, guide, seed, limit)
        if self._blocklist.blocks(text):
            raise EnhancerFailed("blocked")
        return text

    def _added(self, text: str, words: tuple[str, ...], limit: int) -> str:
        return added(text, words, limit, lambda longer: not self._blocklist.blocks(longer))


def make_enhancer(settings: Settings, library: Library, blocklist: Blocklist, way: Way) -> Enhancer:
    """The enhancer that the operator chose."""
    if settings.enhancer_url is None or settings.enhancer_model is None:
        return Enhancer(library, blocklist)
    chat = Chat(str(settings.enhancer_url), settings.enhancer_model, settings.enhancer_key, way=way)
    return Enhancer(library, blocklist, chat)
