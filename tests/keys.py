"""Keys in the shapes of their vendors, made of parts so that no scanner finds one in this file."""

from __future__ import annotations

import random
import string

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
DASHED = ALNUM + "-_"


def letters(count: int, among: str = ALNUM, seed: int = 1) -> str:
    """Letters as a vendor draws them; the same each time, with a digit and both cases if any."""
    start = "".join(one for one in "k7Q" if one in among)
    return start + "".join(random.Random(seed).choices(among, k=count - len(start)))


def every() -> dict[str, str]:
    """A text for each rule that stops a push, by names of their own: the secret is in `<…>`."""
    digits = string.digits
    base32 = string.ascii_uppercase + "234567"
    made = {
        "aws-access-key-id": f"<AKIA{letters(16, base32)}>",
        "aws-access-key-id/2": f"<ASIA{letters(16, base32)}>",
        "aws-secret-access-key": f'aws_secret_access_key = "<{letters(40, ALNUM + "+/")}>"',
        "gitlab-token": f"<glpat{'-'}{letters(20, DASHED)}>",
        "slack-token": f"<xoxb{'-'}{letters(12, digits)}-{letters(12, digits)}-{letters(24)}>",
        "slack-webhook": "https://hooks.slack.com/services/"
        f"<T{letters(9, base32)}/B{letters(9, base32)}/{letters(24)}>",
        "discord-webhook": f"https://discord.com/api/webhooks/<{letters(18, digits)}/"
        f"{letters(68, DASHED)}>",
        "google-api-key": f"<AIza{letters(35, DASHED)}>",
        "google-oauth-secret": f"<GOCSPX{'-'}{letters(28, DASHED)}>",
        "stripe-key": f"<sk_{'live'}_{letters(24)}>",
        "anthropic-key": f"<sk-ant-{'api03'}-{letters(93, DASHED)}AA>",
        "openai-key": f"<sk-{'proj'}-{letters(74, DASHED)}T3BlbkFJ{letters(74, DASHED)}>",
        "openai-key/2": f"<sk-{letters(48)}>",
        "hugging-face-token": f"<hf_{letters(34, string.ascii_letters)}>",
        "wandb-key": f"WANDB_API_KEY={'<'}{letters(40, HEX)}>",
        "wandb-key/2": f"<wandb_v1_{letters(77)}>",
        "langsmith-key": f"<lsv2_pt_{letters(32, HEX)}_{letters(10, HEX)}>",
        "groq-key": f"<gsk_{letters(52)}>",
        "replicate-token": f"<r8_{letters(37)}>",
        "nvidia-key": f"<nvapi-{letters(64, DASHED)}>",
        "databricks-token": f"<dapi{letters(32, HEX)}>",
        "npm-token": f"<npm_{letters(36)}>",
        "pypi-token": f"<pypi-{'AgEI'}cHlwaS5vcmc{letters(120, DASHED)}>",
        "sendgrid-key": f"<SG{'.'}{letters(22, DASHED)}.{letters(43, DASHED)}>",
        "twilio-key": f"<SK{letters(32, HEX)}>",
        "digitalocean-token": f"<dop_v1_{letters(64, HEX)}>",
        "age-key": f"<AGE-SECRET-KEY-{'1'}{letters(58, string.ascii_uppercase + digits)}>",
        "azure-storage-key": f"AccountKey=<{letters(86, ALNUM + '+/')}==>;x",
        "telegram-bot-token": f"https://api.telegram.org/bot{letters(9, digits)}:AA"
        f"<{letters(33, DASHED)}>/getMe",
        "password-in-url": f"postgres://ada{':'}<Tr0ub4dor&3>@db.lovelace.org:5432/runs",
        "private-key": f"-----BEGIN {'RSA'} PRIVATE KEY-----<\n{letters(64)}\n{letters(64)}\n>"
        f"-----END {'RSA'} PRIVATE KEY-----",
    }  # fmt: skip
    for at, kind in enumerate("pousr"):
        made[f"github-token/{kind}"] = f"<gh{kind}_{letters(36, seed=at)}>"
    made["github-token/fine"] = f"<github_{'pat'}_{letters(22)}_{letters(59)}>"
    return made


def token(seed: int = 1) -> str:
    """One token of one vendor."""
    return f"gh{'p'}_{letters(36, seed=seed)}"
