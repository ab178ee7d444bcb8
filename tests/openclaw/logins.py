"""Two logins of one person, of the right shape, without a valid signature, good for the stand-in alone."""

import base64
import json
import time

ACCOUNT = "acc-11111111-2222-3333-4444-555555555555"
OTHER_ACCOUNT = "acc-99999999-2222-3333-4444-555555555555"
FAR = 4_102_444_800  # 2100-01-01


def jwt(claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.c2ln"


def access_token(whose, account=ACCOUNT):
    """An access token of an account; `whose` tells two of them apart."""
    return jwt(
        {
            "iss": "https://auth.invalid",
            "jti": whose,
            "iat": 1_776_000_000,
            "exp": FAR,
            "https://api.openai.com/auth": {
                "chatgpt_account_id": account,
                "chatgpt_plan_type": "plus",
                "chatgpt_user_id": "user-1",
                "user_id": "user-1",
            },
            "https://api.openai.com/profile": {"email": "person@example.com", "email_verified": True},
        }
    )


OPENCLAWS = access_token("openclaw")
PERSONAL = access_token("personal")
PERSONAL_OF_OTHER = access_token("personal", OTHER_ACCOUNT)


def whose(bearer):
    """Which home a bearer belongs to; never the bearer itself."""
    names = {None: "none", OPENCLAWS: "OpenClaw's profile", PERSONAL: "~/.codex", PERSONAL_OF_OTHER: "~/.codex"}
    return names.get(bearer, "another")


def personal_auth(account=ACCOUNT):
    """`~/.codex/auth.json` as `codex login` leaves it."""
    claims = {
        "exp": FAR,
        "email": "person@example.com",
        "https://api.openai.com/auth": {"chatgpt_account_id": account, "chatgpt_plan_type": "plus"},
    }
    tokens = {
        "id_token": jwt(claims),
        "access_token": access_token("personal", account),
        "refresh_token": "rt-personal",
        "account_id": account,
    }
    refreshed = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() - 300))
    return {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": refreshed}


def openclaws_profiles(provider):
    """`auth-profiles.json` after a login by OpenClaw with ChatGPT, which kept no id token. 2026.4.21 makes a bridge of a profile
    of this name; with one of another name it injected no home."""
    profile = {
        "type": "oauth",
        "provider": provider,
        "access": OPENCLAWS,
        "refresh": "rt-openclaw",
        "expires": FAR * 1000,
        "accountId": ACCOUNT,
        "email": "person@example.com",
    }
    return {"version": 1, "profiles": {f"{provider}:default": profile}}
