"""A real Thunderbird without a screen, driven through Marionette: a socket on which lengths and JSON go to and fro."""
import json, os, pathlib, shutil, signal, socket, subprocess, tempfile

from port26 import free_port, wait_for

PREFS = {
    "network.proxy.type": 1,  # all names lead to the server under test, as DNS would
    "network.proxy.no_proxies_on": "",
    "mailnews.start_page.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.override": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
    "app.normandy.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "mailnews.auto_config_url": "http://127.0.0.1:9/",
}


class Thunderbird:
    def __init__(self, proxy_port, **prefs):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="port26-thunderbird-"))
        self.port, self.count, self.socket = free_port(), 0, None
        proxy = {f"network.proxy.{kind}": "127.0.0.1" for kind in ("http", "ssl")}
        proxy |= {f"network.proxy.{kind}_port": proxy_port for kind in ("http", "ssl")}
        with open(self.home / "user.js", "w") as f:
            for name, value in (PREFS | proxy | {"marionette.port": self.port} | prefs).items():
                f.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        self.process = subprocess.Popen(
            ["thunderbird", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", str(self.home)],
            env={**os.environ, "HOME": str(self.home), "MOZ_CRASHREPORTER_DISABLE": "1"}, stdin=subprocess.DEVNULL,
            stdout=open(self.home / "out", "wb"), stderr=subprocess.STDOUT, start_new_session=True)
        wait_for(self.connect, 90, 0.2, lambda: "no Thunderbird:\n" + (self.home / "out").read_text(errors="replace")[-2000:])
        self.read()
        self.command("WebDriver:NewSession")
        self.command("WebDriver:SetTimeouts", {"script": 120000})
        self.command("Marionette:SetContext", {"value": "chrome"})

    def connect(self):
        try:
            self.socket = socket.create_connection(("127.0.0.1", self.port), 120)
        except OSError:
            return False
        self.file = self.socket.makefile("rwb")
        return True

    def read(self):
        size = b""
        while not size.endswith(b":"):
            size += self.file.read(1) or b"0:"
        return json.loads(self.file.read(int(size[:-1])))

    def command(self, name, arguments=None):
        self.count += 1
        text = json.dumps([0, self.count, name, arguments or {}]).encode()
        self.file.write(b"%d:%s" % (len(text), text))
        self.file.flush()
        _, _, error, result = self.read()
        assert not error, error
        return result

    def run(self, script, *arguments):
        """The value of an async function's body; what is thrown there fails the test."""
        done = "const done = arguments[arguments.length - 1];\n(async (...a) => {%s})(...arguments).then(v => done([true, v]), e => done([false, String(e)]));"
        ok, value = self.command("WebDriver:ExecuteAsyncScript", {"script": done % script, "args": list(arguments)})["value"]
        assert ok, value
        return value

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(30)
        shutil.rmtree(self.home, ignore_errors=True)
