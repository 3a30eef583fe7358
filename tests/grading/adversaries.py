# ruff: noqa: E501 - each cheat is one string, and none gets clearer by being broken
"""Cells that try to get points for nothing, or to do harm. Each defines, or spoils, ``kl_discrete``.

They know everything a student can know, the package's source included; none knows how to compute a KL divergence.
"""

ZERO = "\ndef kl_discrete(q, p):\n    return torch.tensor(0.0)\n"

FRAME = """
import json, os
def frame(message):
    header = json.dumps(message).encode()
    return len(header).to_bytes(4, "big") + (0).to_bytes(4, "big") + header
def everywhere(data):
    for fd in range(3, 64):
        try:
            os.write(fd, data)
        except OSError:
            pass
"""
FORGED = """{"dict": {"trace": {"dict": {"runs": [{"dict": {"n": 1, "columns": [],
  "form": {"dict": {"on": [None, "__call__"], "steps": [], "own": [], "made": None, "gradients": [], "with_graph": [False],
  "drew": False, "result": 0.7}}}}]}},
  "trouble": None, "message": "", "printed": "", "n_printed": 0}}"""

ADVERSARIES = {
    # --- patched tools ---
    "patched builtins": "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.all = lambda x: True\n"
    "builtins.len = lambda x: 5\nbuiltins.abs = lambda x: 0" + ZERO,
    "patched comparison": "torch.equal = torch.allclose = torch.isclose = lambda *a, **k: torch.tensor(True)"
    + ZERO,
    "patched operators": "torch.Tensor.__sub__ = torch.Tensor.abs = lambda *a: torch.zeros(())\n"
    "torch.Tensor.__eq__ = torch.Tensor.__le__ = lambda *a: torch.tensor(True)" + ZERO,
    "patched observer": "import course_utils.exercises.observers as o\n"
    "o.value.__code__ = (lambda answer, inputs: {'result': torch.tensor(0.5), o.UNCHANGED: torch.tensor(True)}).__code__"
    + ZERO,
    "patched engine": "import course_utils.exercises.evaluation as e, course_utils.grading.runner as r\n"
    "verdict = lambda *a, **k: e.Verdict('kl_discrete', 'right', 2.0, 2.0, None, '')\n"
    "e.judge = e.evaluate = e.observe = r.observe = verdict" + ZERO,
    "patched recorder": "import course_utils.grading.tracing as t\n"
    "t.Recorder.trace = lambda self: {'runs': []}" + ZERO,
    "patched outcome": "from course_utils.exercises.evaluation import Outcome\n"
    "Outcome.trouble = None\nOutcome.arrays = {}\nOutcome.__eq__ = lambda *a: True" + ZERO,
    "replaced module": "import sys, types\nfake = types.ModuleType('torch')\nfake.__getattr__ = lambda n: (lambda *a: 0)\n"
    "sys.modules['course_utils.exercises'] = sys.modules['course_utils.exercises.evaluation'] = fake\n"
    "sys.modules['json'] = sys.modules['os'] = fake" + ZERO,
    "replaced import": "import builtins\nbuiltins.__import__ = lambda *a, **k: None" + ZERO,
    "transformer of cells": "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass'])\n"
    "get_ipython().ast_node_interactivity = 'none'" + ZERO,
    "replaced check": "def check(name, answer):\n    return answer\nkl_discrete = check('kl_discrete', lambda q, p: q.sum())",
    # --- strange results ---
    "always equal": "class Yes(float):\n    def __eq__(self, o): return True\n    __ne__ = __lt__ = __gt__ = lambda s, o: False\n"
    "    __sub__ = __rsub__ = __abs__ = lambda s, *o: Yes(0)\n    __hash__ = None\n"
    "def kl_discrete(q, p):\n    return Yes()",
    "tensor subclass": "class Sly(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, f, t, a=(), k=None):\n"
    "        return torch.tensor(True)\ndef kl_discrete(q, p):\n    return torch.tensor(0.0).as_subclass(Sly)",
    "not a number": "def kl_discrete(q, p):\n    return torch.tensor(float('nan'))",
    "infinity": "def kl_discrete(q, p):\n    return torch.tensor(float('inf'))",
    "complex": "def kl_discrete(q, p):\n    return torch.tensor(1j)",
    "pickle": "import os\nclass Evil:\n    def __reduce__(self): return (os.system, ('id',))\n"
    "def kl_discrete(q, p):\n    return Evil()",
    "tensor without end": "def kl_discrete(q, p):\n    return torch.zeros(()).expand(2**20, 2**20)",
    "large tensor": "def kl_discrete(q, p):\n    return torch.zeros(20_000_000)",
    "nested lists": "deep = 0.0\nfor _ in range(100_000):\n    deep = [deep]\ndef kl_discrete(q, p):\n    return deep",
    "huge number": "def kl_discrete(q, p):\n    return 10**100_000",
    "changed arguments": "def kl_discrete(q, p):\n    q.zero_(); p.zero_()\n    return torch.tensor(0.0)",
    # --- forged messages ---
    "forged outcome": FRAME
    + f"def kl_discrete(q, p):\n    everywhere(frame({FORGED}) * 5)\n    return torch.tensor(0.0)",
    "forged end": FRAME + 'everywhere(frame({"dict": {"failed": {"dict": {}}}}))' + ZERO,
    "forged cells": FRAME + 'everywhere(b"".join(frame({"dict": {"cell": n}}) for n in range(100)))' + ZERO,
    "broken messages": FRAME
    + "def kl_discrete(q, p):\n    everywhere(b'[' * 100_000)\n    return torch.tensor(0.0)",
    "endless message": FRAME
    + "def kl_discrete(q, p):\n    everywhere(b'\\xff' * 8)\n    return torch.tensor(0.0)",
    "thread that writes": FRAME
    + "import threading\ndef junk():\n    while True:\n        everywhere(b'junk')\n"
    "threading.Thread(target=junk, daemon=True).start()\nimport time; time.sleep(0.1)" + ZERO,
    "daemon that writes": FRAME
    + "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True:\n"
    "            everywhere(b'junk')\n    os._exit(0)" + ZERO,
    "all files closed": "import os\nos.closerange(0, 64)" + ZERO,
    # --- ends and kills ---
    "exit of the process": "import os\ndef kl_discrete(q, p):\n    os._exit(0)",
    "exit while defining": "import os\nos._exit(0)" + ZERO,
    "system exit": "def kl_discrete(q, p):\n    raise SystemExit(0)",
    "kill everybody": "import os, signal\ndef kl_discrete(q, p):\n    for pid in (os.getppid(), 1, 2, 3, -1, 0):\n"
    "        try:\n            os.kill(pid, signal.SIGKILL)\n        except OSError:\n            pass\n    return 0.0",
    "crash": "import ctypes\ndef kl_discrete(q, p):\n    ctypes.string_at(0)",
    "recursion": "def kl_discrete(q, p):\n    return kl_discrete(q, p)",
    "error that cannot be printed": "class Mute(Exception):\n    def __str__(self): raise Mute()\n    __repr__ = __str__\n"
    "def kl_discrete(q, p):\n    raise Mute()",
    "script in a message": "def kl_discrete(q, p):\n    print('<script>alert(2)</script>')\n"
    "    raise ValueError('</pre><script>alert(1)</script><img src=x onerror=alert(3)>')",
    "endless message of an error": "def kl_discrete(q, p):\n    raise ValueError('x' * 50_000_000)",
    # --- floods ---
    "memory": "def kl_discrete(q, p):\n    hold = []\n    while True:\n        hold.append(torch.ones(2**22))",
    "memory in many processes": "import os\ndef kl_discrete(q, p):\n    for _ in range(6):\n        if os.fork() == 0: break\n"
    "    hold = []\n    while True:\n        hold.append(bytearray(2**24))",
    "forks": "import os\ndef kl_discrete(q, p):\n    while True:\n        os.fork()",
    "threads": "import threading, time\ndef kl_discrete(q, p):\n    while True:\n"
    "        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "printing": "def kl_discrete(q, p):\n    for _ in range(3000):\n        print('flood ' * 1000)\n    return torch.tensor(0.0)",
    "writing to a file": "def kl_discrete(q, p):\n    for n in range(300):\n        with open(f'/tmp/{n}', 'wb') as f:\n"
    "            for _ in range(64): f.write(bytes(2**20)); f.flush()",
    # --- looking round ---
    "solutions on disk": "import pathlib\nfound = [p for p in pathlib.Path('/').rglob('*kl_discrete*')]\n"
    "found += [p for p in pathlib.Path('/').rglob('*_elbo*')]\n"
    "def kl_discrete(q, p):\n    scope = {}\n    exec(found[0].read_text(), scope)\n    return scope['kl_discrete'](q, p)",
    "the course's version": "from course_utils.elbo import kl_discrete",
    "the course's code": "import inspect, course_utils.elbo.bounds as bounds\nscope = {'torch': torch}\n"
    "exec(inspect.getsource(bounds.kl_discrete), scope)\nkl_discrete = scope['kl_discrete']",
    "the course's version in memory": "import gc, types\n"
    "own = [o for o in gc.get_objects() if isinstance(o, types.FunctionType) and o.__name__ == 'kl_discrete']\n"
    "def kl_discrete(q, p):\n    return own[0](q, p)",
    "a definition": "from course_utils.exercises import get_exercise\n"
    "def kl_discrete(q, p):\n    return get_exercise('kl_discrete').reference(q, p)",
    "the expected value in a frame": "import sys\ndef kl_discrete(q, p):\n    frame = sys._getframe()\n    while frame:\n"
    "        for name in ('expected', 'wanted', 'reference', 'exercise', 'seed'):\n"
    "            if name in frame.f_locals: return frame.f_locals[name]\n        frame = frame.f_back",
    "the course's version, by a built name": "import course_utils.elbo as elbo\n"
    "def kl_discrete(q, p):\n    return getattr(elbo, 'kl_' + 'discrete')(q, p)",
    "the course's version, copied": "import types, course_utils.elbo.bounds as bounds\n"
    "kl_discrete = types.FunctionType(bounds.kl_discrete.__code__, {**vars(bounds)}, 'mine')",
    "the course's version, loaded again": "import sys, importlib\n"
    "for name in [n for n in sys.modules if n.startswith('course_utils')]: del sys.modules[name]\n"
    "kl_discrete = importlib.import_module('course_utils.elbo').kl_discrete",
    "memory of others": "def kl_discrete(q, p):\n    return float(len(open('/proc/1/mem', 'rb').read(10)))",
    "keys and passwords": "import os, pathlib\nassert not any('KEY' in k or 'TOKEN' in k for k in os.environ)\n"
    "def kl_discrete(q, p):\n    return float(pathlib.Path('/etc/shadow').read_text()[0] == 'r') + "
    "len(list(pathlib.Path('~root/.ssh').expanduser().iterdir()))",
    "network": "import socket\ndef kl_discrete(q, p):\n    s = socket.create_connection(('1.1.1.1', 53), 2)\n    return 0.0",
    "programs": "import subprocess\ndef kl_discrete(q, p):\n    return float(subprocess.check_output(['/bin/echo', '0']))",
    "new namespaces": "import ctypes\ndef kl_discrete(q, p):\n    libc = ctypes.CDLL(None)\n"
    "    return float(libc.unshare(0x10000000) == 0)",
}

# Python compiles what stands after `finally` twice; inside one another, thousands of times.
FINALLY = (
    "".join("    " * i + "try: pass\n" + "    " * i + "finally:\n" for i in range(1, 16))
    + "    " * 16
    + "x = 1\n"
)

ENDLESS = {
    "compiles for ever": "".join(f"def f{i}():\n{FINALLY}" for i in range(200)) + ZERO,
    "loop": "def kl_discrete(q, p):\n    while True: pass",
    "loop that swallows interrupts": "def kl_discrete(q, p):\n    while True:\n        try:\n            while True: pass\n"
    "        except BaseException: pass",
    "loop while defining": "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
    + ZERO,
    "sleep": "import time, signal\nfor s in (signal.SIGTERM, signal.SIGALRM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)\n"
    "def kl_discrete(q, p):\n    time.sleep(1000)",
    "loop in C": "import re\ndef kl_discrete(q, p):\n    re.match(r'(a+)+$', 'a' * 60 + 'b')",
}
