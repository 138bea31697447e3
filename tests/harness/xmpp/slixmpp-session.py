"""A person with slixmpp, which many XMPP programs are made of: does what a chat client does, and prints what it saw as JSON.

Arguments: the port of the server, JID, password, JID of the gateway. Waits for a line on its input after it has registered.
"""
import asyncio
import base64
import hashlib
import json
import sys

import slixmpp

PATIENCE_S = 20
PLUGINS = (4, 12, 30, 50, 54, 60, 77, 84, 92, 115, 184, 199, 231)
DATA_FORM = "{jabber:x:data}"
COMMANDS = "{http://jabber.org/protocol/commands}"
BITS = "{urn:xmpp:bob}"


class Session(slixmpp.ClientXMPP):
    def __init__(self, jid, password, gateway):
        super().__init__(jid, password)
        self.gateway = gateway
        self.seen = {}
        for number in PLUGINS:
            self.register_plugin("xep_%04d" % number)
        self["feature_mechanisms"].unencrypted_plain = True

    async def heard(self, event, does):
        """What comes by an event after something was done."""
        future = self.loop.create_future()

        def take(value):
            if not future.done():
                future.set_result(value)

        self.add_event_handler(event, take, disposable=True)
        does()
        return await asyncio.wait_for(future, PATIENCE_S)

    # Ad-hoc commands, by the library's own flow.

    async def begin(self, node):
        session = {"next": self._answered, "error": self._answered}
        return await self._step(session, lambda: self["xep_0050"].start_command(self.gateway, node, session))

    async def go_on(self, session, values=None, action="next"):
        session["payload"] = None if values is None else self.form(values)
        if action == "complete":
            return await self._step(session, lambda: self["xep_0050"].complete_command(session))
        return await self._step(session, lambda: self["xep_0050"].continue_command(session, action))

    async def _step(self, session, does):
        session["answer"] = self.loop.create_future()
        does()
        return await asyncio.wait_for(session["answer"], PATIENCE_S), session

    def _answered(self, iq, session):
        if not session["answer"].done():
            session["answer"].set_result(iq)

    def form(self, values):
        form = self["xep_0004"].make_form(ftype="submit")
        for name, value in values.items():
            form.add_field(var=name, value=value)
        return form

    # What a client does with a gateway.

    async def discover(self):
        info = (await self["xep_0030"].get_info(self.gateway, cached=False))["disco_info"]
        ver = self["xep_0115"].generate_verstring(info, "sha-1")
        self.seen["identities"] = sorted("/".join(one[:2]) for one in info["identities"])
        self.seen["features"] = sorted(info["features"])
        self.seen["ver"] = ver
        items = (await self["xep_0030"].get_items(self.gateway))["disco_items"]["items"]
        self.seen["items"] = sorted(str(one[0]) for one in items)

    async def register(self, username):
        asked = self.make_iq_get(ito=self.gateway)
        asked.enable("register")
        form = (await asked.send(timeout=PATIENCE_S))["register"]["form"]
        self.seen["register_fields"] = list(form.get_fields())
        told = self.make_iq_set(ito=self.gateway)
        told["register"].append(
            self.form({"FORM_TYPE": "jabber:iq:register", "username": username, "lang": "en", "terms": "1"})
        )
        self.seen["registered"] = (await told.send(timeout=PATIENCE_S))["type"]

    async def pay(self, to, amount):
        first, session = await self.begin("pay")
        self.seen["pay_fields"] = list(first["command"]["form"].get_fields())
        wrong, session = await self.go_on(session, {"to": to, "amount": "1e3"})
        self.seen["pay_wrong"] = note_of(wrong)
        recap, session = await self.go_on(session, {"to": to, "amount": amount})
        self.seen["pay_recap"] = recap["command"]["form"]["instructions"]
        done, session = await self.go_on(session, {"confirm": "1"}, "complete")
        self.seen["pay_done"] = note_of(done)

    async def look_back(self):
        _, session = await self.begin("history")
        table, session = await self.go_on(session, {})
        self.seen["history_status"] = table["command"]["status"]
        found = table.xml.find(".//%sx" % DATA_FORM)
        self.seen["history_columns"] = [
            one.attrib["var"] for one in found.findall("%sreported/%sfield" % (DATA_FORM, DATA_FORM))
        ]
        self.seen["history_rows"] = len(found.findall("%sitem" % DATA_FORM))

    async def receive(self):
        _, session = await self.begin("receive")
        answer, session = await self.go_on(session, {"label": "rent"})
        values = answer["command"]["form"].get_fields()
        self.seen["address"] = values["address"]["value"]
        data = answer.xml.find(".//%sdata" % BITS)
        again = await self["xep_0231"].get_bob(self.gateway, data.attrib["cid"], cached=False)
        self.seen["picture_cid"] = data.attrib["cid"]
        self.seen["picture_sha1"] = sha1(base64.b64decode(data.text))
        self.seen["picture_again_sha1"] = sha1(again["bob"]["data"])

    async def look_at(self, contact):
        card = (await self["xep_0054"].get_vcard(slixmpp.JID(contact)))["vcard_temp"]
        self.seen["card_url"] = card["URL"]
        self.seen["card_photo_sha1"] = sha1(card["PHOTO"]["BINVAL"])
        items = await self["xep_0060"].get_items(contact, "urn:xmpp:avatar:metadata")
        avatar = items["pubsub"]["items"]["substanzas"][0]["id"]
        self.seen["avatar_id"] = avatar
        data = await self["xep_0084"].retrieve_avatar(slixmpp.JID(contact), avatar)
        found = data["pubsub"]["items"]["substanzas"][0]["avatar_data"]["value"]
        self.seen["avatar_sha1"] = sha1(found)

    async def ask_facts(self):
        self.seen["ping"] = await self["xep_0199"].ping(slixmpp.JID(self.gateway)) >= 0
        self.seen["version"] = (await self["xep_0092"].get_version(self.gateway))["software_version"]["name"]
        self.seen["uptime"] = int((await self["xep_0012"].get_last_activity(self.gateway))["last_activity"]["seconds"])

    async def chat(self, to, body):
        message = self.make_message(mto=to, mbody=body, mtype="chat")
        message["request_receipt"] = True
        reply = asyncio.ensure_future(self.heard("message", lambda: None))
        receipt = await self.heard("receipt_received", message.send)
        self.seen["receipt_is_ours"] = receipt["receipt"] == message["id"]
        self.seen["balance"] = (await reply)["body"]

    async def live(self):
        await self.heard("session_start", self.dial)
        self.send_presence()
        await self.discover()
        await self.heard("message", lambda: asyncio.ensure_future(self.register("alice")))
        print("registered", flush=True)
        await self.loop.run_in_executor(None, sys.stdin.readline)
        await self.pay("bob", "1500")
        await self.look_back()
        await self.receive()
        await self.look_at("%s@%s" % (self.seen["address"], self.gateway))
        await self.ask_facts()
        await self.chat("wallet@%s" % self.gateway, "balance")
        self.disconnect()

    def dial(self):
        self.connect(("127.0.0.1", PORT), disable_starttls=True, use_ssl=False)


def note_of(iq):
    note = iq.xml.find(".//%snote" % COMMANDS)
    return None if note is None else "%s: %s" % (note.attrib["type"], note.text)


def sha1(data):
    return hashlib.sha1(data).hexdigest()


PORT = int(sys.argv[1])
session = Session(*sys.argv[2:5])
session.loop.run_until_complete(asyncio.wait_for(session.live(), 2 * PATIENCE_S))
print(json.dumps(session.seen), flush=True)
