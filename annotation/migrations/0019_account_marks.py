"""Mark demo accounts in their rows, and tie each token to the password it was made with."""

import hashlib

from django.db import migrations, models
from django.db.models import Q

ROLES = ("reader", "adjudicator", "curator", "engineer", "viewer")


def mark_demo_accounts(apps, schema_editor):
    """The demo gave its accounts this address and this first name; either may have been changed."""
    users = apps.get_model("annotation", "User").objects.using(schema_editor.connection.alias)
    named = Q()
    for role in ROLES:
        named |= Q(username=role, first_name=f"Demo {role}")
    users.filter(Q(email__iendswith="@demo.invalid") | named).update(is_demo=True)


def tie_tokens(apps, schema_editor):
    tokens = apps.get_model("annotation", "ApiToken").objects.using(schema_editor.connection.alias)
    for token in tokens.select_related("user").iterator():
        text = f"password:{token.user.password}"
        mark = hashlib.sha256(text.encode()).hexdigest()
        tokens.filter(pk=token.pk).update(password_mark=mark)


class Migration(migrations.Migration):
    dependencies = [("annotation", "0018_sealed_opening")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="is_demo",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="The demo printed its password on a terminal, so a public server refuses it.",
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="password_mark",
            field=models.CharField(
                default="",
                editable=False,
                help_text="The mark of the account's password when the token was made.",
                max_length=64,
            ),
        ),
        migrations.RunPython(mark_demo_accounts, migrations.RunPython.noop),
        migrations.RunPython(tie_tokens, migrations.RunPython.noop),
    ]
