"""Rules of `swftp.paths`."""

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import InvalidName
from swftp.paths import (
    COMPONENT_LIMIT,
    CONTAINER_LIMIT,
    OBJECT_LIMIT,
    ROOT,
    Path,
    check_new,
    is_plain,
    parse,
    quoted,
    resolve,
)

COMPONENT = st.text(st.characters(exclude_characters="/\0\r\n", exclude_categories=["Cs"]), min_size=1, max_size=30)
NAME = COMPONENT.filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAME, max_size=8).map(lambda parts: Path(tuple(parts)))
CLIENT = st.lists(st.sampled_from(["a", "b c", "ü", ".", "..", "", "...", "%2e%2e", "?x", "#", ";"])).map("/".join)


def walked(text: str, cwd: Path) -> tuple[str, ...]:
    """What `resolve` must give, one step at a time: a directory stack as a shell would keep it."""
    stack = [] if text[:1] == "/" else list(cwd.parts)
    for step in text.split("/"):
        if step == "..":
            stack = stack[:-1]
        elif step and step != ".":
            stack = [*stack, step]
    return tuple(stack)


class ParseTests(SynchronousTestCase):
    """Client bytes become one canonical path or are refused."""

    @given(st.binary(max_size=200))
    def test_any_bytes(self, raw: bytes) -> None:
        """Whatever a client sends gives a canonical path or `InvalidName`, nothing else."""
        try:
            path = parse(raw)
        except InvalidName:
            return
        self.assertFalse({"", ".", ".."} & set(path.parts))
        self.assertFalse(set("/\0\r\n") & set("".join(path.parts)))

    @given(CLIENT, PATHS)
    def test_dots_stay_below_the_root(self, text: str, cwd: Path) -> None:
        """``.``, ``..`` and empty components are resolved by text alone, from the directory the client is in."""
        self.assertEqual(resolve(text, cwd).parts, walked(text, cwd))

    @given(PATHS)
    def test_canonical_text_is_a_fixed_point(self, path: Path) -> None:
        """What we print of a path means that path, from wherever it is read."""
        self.assertEqual(parse(str(path).encode(), Path(("elsewhere", "deep"))), path)

    def test_ordinary_characters(self) -> None:
        """``%``, ``?``, ``#``, ``;``, ``:``, ``\\`` and spaces mean themselves."""
        for name in ("50%", "a%2Fb", "what?", "#1", "a;b", "c:d", "a\\b", " ", "~", "*"):
            self.assertEqual(parse(b"/box/" + name.encode()).object, name)

    def test_unicode_is_not_normalised(self) -> None:
        """NFC and NFD of one name are two names, as they are to the store."""
        self.assertNotEqual(parse("/box/é".encode()), parse("/box/e\u0301".encode()))

    def test_not_utf8(self) -> None:
        """Bytes that are not UTF-8 are refused, overlong slashes and surrogates among them."""
        for raw in (b"/box/\xff", b"/box/\xc0\xaf", b"/box/\xed\xa0\x80", b"/box/\xc3"):
            self.assertRaises(InvalidName, parse, raw)

    def test_forbidden_characters(self) -> None:
        """NUL, CR and LF are refused wherever they stand, even in a component that ``..`` takes away."""
        for raw in (b"/a\0b", b"/box/a\r", b"\n/box", b"/box/a\n/.."):
            self.assertRaises(InvalidName, parse, raw)

    def test_limits_count_bytes(self) -> None:
        """A container's name has 256 bytes at most, an object's 1024, in UTF-8."""
        container, name = "é" * (CONTAINER_LIMIT // 2), "é" * (OBJECT_LIMIT // 2)
        self.assertEqual(parse(f"/{container}/{name}".encode()).parts, (container, name))
        self.assertRaises(InvalidName, parse, f"/{container}x".encode())
        self.assertRaises(InvalidName, parse, f"/box/{name}x".encode())

    def test_limit_of_the_whole_object_name(self) -> None:
        """The slashes between an object's components count, too."""
        exact = "/".join(["x" * 255] * 4)
        self.assertEqual(len(parse(f"/box/{exact}".encode()).object), 1023)
        self.assertRaises(InvalidName, parse, f"/box/{exact}/y".encode())


class PathTests(SynchronousTestCase):
    """What a path says of itself."""

    def test_parts_of_an_object(self) -> None:
        """``/c/a/b`` is object ``a/b`` of container ``c``."""
        path = Path(("c", "a", "b"))
        self.assertEqual((path.container, path.object, path.name), ("c", "a/b", "b"))
        self.assertEqual((path.is_root, path.is_container), (False, False))

    def test_container(self) -> None:
        """``/c`` is a container and no object."""
        path = Path(("c",))
        self.assertEqual((path.container, path.object, path.name, path.is_container), ("c", "", "c", True))

    def test_root(self) -> None:
        """The root has no name and is its own parent."""
        self.assertEqual((ROOT.container, ROOT.object, ROOT.name), ("", "", ""))
        self.assertTrue(ROOT.is_root)
        self.assertFalse(ROOT.is_container)
        self.assertEqual(ROOT.parent, ROOT)
        self.assertEqual(str(ROOT), "/")

    @given(PATHS, NAME)
    def test_child_and_parent(self, path: Path, name: str) -> None:
        """The parent of a child is where one was, and the child bears its name."""
        self.assertEqual(path.child(name).parent, path)
        self.assertEqual(path.child(name).name, name)

    @given(PATHS, PATHS)
    def test_join_and_relative(self, root: Path, inner: Path) -> None:
        """A client's path put below its root comes back out as it went in."""
        joined = root.join(inner)
        self.assertTrue(root.covers(joined))
        self.assertEqual(joined.relative_to(root), inner)

    @given(PATHS, PATHS)
    def test_covers_by_components(self, one: Path, other: Path) -> None:
        """A path covers itself and what is below it, and a name that only begins alike is not below it."""
        self.assertEqual(one.covers(other), other.parts[: len(one.parts)] == one.parts)
        self.assertFalse(one.child("ab").covers(one.child("abc")))

    def test_relative_to_a_stranger(self) -> None:
        """What a root does not cover cannot be seen from it."""
        self.assertRaises(InvalidName, Path(("a",)).relative_to, Path(("b",)))


class CheckNewTests(SynchronousTestCase):
    """What may be created."""

    def test_component_limit(self) -> None:
        """A new name has 255 bytes at most; an old, longer one can still be named."""
        check_new(Path(("box", "n" * COMPONENT_LIMIT)))
        self.assertRaises(InvalidName, check_new, Path(("box", "n" * (COMPONENT_LIMIT + 1))))
        self.assertRaises(InvalidName, check_new, Path(("box", "é" * (COMPONENT_LIMIT // 2 + 1))))

    def test_container_has_its_own_limit(self) -> None:
        """A container may use all 256 bytes."""
        check_new(Path(("c" * CONTAINER_LIMIT,)))


class IsPlainTests(SynchronousTestCase):
    """Which names of a listing a client could ask for."""

    @given(NAME)
    def test_plain(self, name: str) -> None:
        """What is plain comes back out of `parse` as it went in."""
        self.assertTrue(is_plain(name))
        self.assertEqual(parse(f"/box/{name}".encode()).parts, ("box", name))

    def test_not_plain(self) -> None:
        """Objects that other tools made and no client path can mean."""
        for name in ("", ".", "..", "a/b", "a\0b", "a\rb", "a\nb"):
            self.assertFalse(is_plain(name), repr(name))


class QuotedTests(SynchronousTestCase):
    """Names in URLs."""

    @given(st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=3))
    def test_round_trip_and_only_safe_bytes(self, names: list[str]) -> None:
        """Nothing of a name reaches the request line but unreserved characters, and unquoting gives it back."""
        url = quoted(*names)
        self.assertRegex(url, r"\A[A-Za-z0-9._~/%-]*\Z")
        self.assertEqual(unquote(url, errors="surrogatepass"), "".join("/" + name for name in names))

    def test_slash_inside_is_kept(self) -> None:
        """An object's slashes are those of the URL; everything special is encoded."""
        self.assertEqual(quoted("c", "a/b c?d#e%f"), "/c/a/b%20c%3Fd%23e%25f")
