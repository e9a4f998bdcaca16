"""A phone that keeps passkeys, as Chromium's virtual authenticator of one window; and what one does on the pages to get a passkey."""

from __future__ import annotations

from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import keep_picture
from tests.factories import PASSWORD


class Device:
    """It checks its owner before it signs."""

    def __init__(self, page: Page) -> None:
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
        }
        answer = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._id = answer["authenticatorId"]

    def know_owner(self, *, known: bool) -> None:
        self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": known})


def get_passkey(page: Page, name: str) -> None:
    """Let somebody who has no second factor yet keep a passkey in this window's authenticator, and sign out."""
    Device(page)
    sign_in_by_password(page, name)
    add_passkey(page)
    sign_out(page)


def sign_in_by_password(page: Page, name: str) -> None:
    """Sign in as somebody who has no second factor yet."""
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/account")


def add_passkey(page: Page) -> None:
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Phone")
    keep_picture(page, "passkey-add")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Your passkey works.")).to_be_visible()


def sign_out(page: Page) -> None:
    page.locator("details.person summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/login")
