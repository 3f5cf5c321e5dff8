"""What is left out of imports is left out of them alone."""

from __future__ import annotations

import ssl
import subprocess
import sys

from beacon.imports import unread


def test_authorities_are_read_again_after_the_import() -> None:
    paths = ssl.get_default_verify_paths()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with unread(ssl.SSLContext):
        context.load_verify_locations(paths.openssl_cafile)
        assert context.cert_store_stats()["x509_ca"] == 0
    before = context.cert_store_stats()["x509_ca"]
    context.load_verify_locations(cadata=AUTHORITY)
    assert (before, context.cert_store_stats()["x509_ca"]) == (0, 1)


def test_the_client_loads_neither_what_guesses_encodings_nor_the_authorities_of_requests() -> None:
    code = (
        "import os, pathlib, sys\n"
        "from beacon.model.machine import Scope\n"
        "from beacon.operations.caller import Caller\n"
        "from beacon.operations.machine import Machine\n"
        "caller = Caller(os.getuid(), {'XDG_RUNTIME_DIR': '/nowhere'}, pathlib.Path('/nowhere'))\n"
        "Machine(Scope.USER, caller).registry\n"
        "import requests.adapters as adapters\n"
        "context = getattr(adapters, '_preloaded_ssl_context', None)\n"
        "print('chardet' in sys.modules, context.cert_store_stats()['x509_ca'] if context else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "0"]


AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBmjCCAT+gAwIBAgIUXXgdHvBGgtpgznfbBLvQgjQSbcowCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWYW4gYXV0aG9yaXR5IG9mIGEgdGVzdDAgFw0yNjExMjEyMjE5
MjFaGA8yMTI2MTAyODIyMTkyMVowITEfMB0GA1UEAwwWYW4gYXV0aG9yaXR5IG9m
IGEgdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBebx9roqdcOvLaL5Poh
r//WwF3QhD7I6gHeEy70Y822xdjv4vLc5Mrfkw1iom7CA1qQMbvnU8U8sWXBwpEk
+mejUzBRMB0GA1UdDgQWBBTH8IhGIRqSwBJnnsXXruhgnO6CuDAfBgNVHSMEGDAW
gBTH8IhGIRqSwBJnnsXXruhgnO6CuDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0kAMEYCIQCQx9m2MB4uKy2fflxkkG3jvI9DyX6nfmVjEOZjG7IOjgIhAJzH
GjAN4nLCE2BdTl1yfC0+WnOeg6NAtUadEgS1YRaa
-----END CERTIFICATE-----
"""
