"""Globals that run code or reach outside, and globals that are harmless. All others are unknown."""

EVERYTHING = frozenset("*")
DANGEROUS = {
    "builtins": frozenset(
        "__import__ apply breakpoint compile delattr eval exec execfile file filter getattr globals input locals map memoryview "
        "open setattr type vars".split()),
    "functools": frozenset("partial reduce".split()), "io": frozenset("open open_code FileIO".split()),
    "joblib": frozenset(["load"]), "numpy": frozenset("load fromfile".split()), "torch": frozenset(["load"]),
    "operator": frozenset("attrgetter itemgetter methodcaller call".split()),
    "pickle": frozenset("load loads Unpickler _load _loads _Unpickler".split()),
    "_pickle": frozenset("load loads Unpickler".split()), "torch.storage": frozenset(["_load_from_bytes"]),
    "types": frozenset("CodeType FunctionType MethodType".split()),
}
DANGEROUS.update((module, EVERYTHING) for module in (
    "_io _posixsubprocess aiohttp asyncio bdb cProfile cloudpickle code codeop commands ctypes dill distutils ensurepip http "
    "httplib idlelib imaplib importlib inspect lib2to3 linecache logging.config marshal multiprocessing nt ntpath numpy.f2py "
    "numpy.testing os pathlib pdb pip pkgutil platform popen2 poplib posix posixpath profile pty pydoc requests runpy shelve "
    "shutil signal site smtplib socket ssl subprocess sys tempfile test threading timeit torch._dynamo torch._inductor torch.hub "
    "torch.jit torch.package torch.serialization trace urllib urllib2 uuid venv webbrowser xmlrpc zipimport").split())
DANGEROUS["__builtin__"] = DANGEROUS["builtins"]
HARMLESS = {
    "builtins": frozenset(
        "bool bytearray bytes complex dict float frozenset int list long object range set slice str tuple unicode xrange".split()),
    "_codecs": frozenset(["encode"]),
    "collections": frozenset("Counter OrderedDict defaultdict deque".split()),
    "copyreg": frozenset(["_reconstructor"]),
    "datetime": frozenset("date datetime time timedelta timezone".split()),
    "decimal": frozenset(["Decimal"]), "fractions": frozenset(["Fraction"]),
    "numpy": frozenset(
        "bool_ dtype float16 float32 float64 int16 int32 int64 int8 ndarray uint16 uint32 uint64 uint8".split()),
    "numpy.core.multiarray": frozenset("_reconstruct scalar".split()),
    "numpy.core.numeric": frozenset(["_frombuffer"]),
    "torch": frozenset(
        "BFloat16Storage BoolStorage ByteStorage CharStorage DoubleStorage FloatStorage HalfStorage IntStorage LongStorage "
        "ShortStorage Size Tensor bfloat16 bool device dtype float16 float32 float64 int16 int32 int64 int8 uint8".split()),
    "torch._tensor": frozenset(["_rebuild_from_type_v2"]),
    "torch._utils": frozenset(
        "_rebuild_parameter _rebuild_parameter_with_state _rebuild_tensor _rebuild_tensor_v2".split()),
    "torch.nn.parameter": frozenset(["Parameter"]),
    "torch.storage": frozenset("TypedStorage UntypedStorage".split()),
}
for old, new in (("__builtin__", "builtins"), ("copy_reg", "copyreg"), ("numpy._core.multiarray", "numpy.core.multiarray"),
                 ("numpy._core.numeric", "numpy.core.numeric")):
    HARMLESS[old] = HARMLESS[new]
