"""What a proof on the user's own images found: what is kept of what the reference finds, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from .evidence import Verdict

# The names of the checks that tell more of a proof than its headline does.
DRIFT, CLASSES, IMAGES = DETAILS = ("proof drift", "proof classes", "proof images")


@dataclass(frozen=True)
class Loss:
    """What an artifact loses of a score. `score`: its name. `reference`, `found`: the reference's and the artifact's,
    0 to 1. `truth`: what both are held against.
    """

    score: str
    reference: float
    found: float
    truth: str

    @property
    def points(self) -> float:
        """Percentage points; below 0 for a gain."""
        return 100 * (self.reference - self.found)

    @property
    def sentence(self) -> str:
        """`0.14 points of mAP50-95 against the labels are lost (0.6725 → 0.6711)`."""
        before, after = f"{self.reference:.4f}", f"{self.found:.4f}"
        if before == after:
            return f"{self.score} against {self.truth} stays {after}"
        change = f"{abs(self.points):.2f} points of {self.score} against {self.truth}"
        return f"{change} {'are lost' if self.points > 0 else 'are gained'} ({before} → {after})"


@dataclass(frozen=True)
class Drift:
    """How far something moved, over all that is kept: in the middle and at the worst."""

    median: float
    worst: float


@dataclass(frozen=True)
class ClassProof:
    """One class: how many the reference finds, how many of them are kept, how many are new, and the score of each."""

    name: str
    expected: int
    kept: int
    new: int
    reference: float | None = None
    found: float | None = None


@dataclass(frozen=True)
class Reach:
    """The largest magnitude of all that a narrow type would have to hold: on which image, where, and what it is."""

    image: str
    place: str
    magnitude: float


@dataclass(frozen=True)
class Rounding:
    """What rounding alone loses of a score on so many `images`, in points, and by how much two right files may differ
    there by chance.
    """

    images: int
    points: float
    chance: float

    @property
    def most(self) -> float:
        """What a right file may lose."""
        return self.points + self.chance


@dataclass(frozen=True)
class Proof:
    """An artifact held against the reference precision on images of the user; both saw the same pixels.

    `source`: where the images are from; `images`: how many were tried, of those `broken` besides; `labelled`: for how
    many of them labels are known. `preparation`: what was done to each. `against`: what answered for the reference.
    `what`: of which things. `expected`: how many the reference finds above `threshold`; `kept`, `new`: what the
    artifact finds of them, and besides. `iou`, `confidence`: of those kept, how far they overlap and how far their
    confidence moved; `masks`: the same of their masks' IoU. `most`: the loss in points that was allowed. `wrong`: what
    is no answer at all. `reach`: how far the network's values go on all of the images. `rounding`: what rounding alone
    loses, where more is lost than was allowed and that is known.
    """

    source: str
    images: int
    broken: int
    labelled: int
    preparation: str
    against: str
    what: str
    threshold: float | None
    expected: int
    kept: int
    new: int
    loss: Loss | None
    iou: Drift | None
    confidence: Drift | None
    classes: tuple[ClassProof, ...]
    most: float
    masks: Drift | None = None
    wrong: str = ""
    notes: tuple[str, ...] = ()
    reach: Reach | None = None
    rounding: Rounding | None = None

    @property
    def recall(self) -> float:
        """Of what the reference finds, the part that the artifact finds too."""
        return self.kept / self.expected if self.expected else 1.0

    @property
    def precision(self) -> float:
        """Of what the artifact finds, the part that the reference finds too."""
        return self.kept / (self.kept + self.new) if self.kept + self.new else 1.0

    @property
    def headline(self) -> str:
        """What a person wants to know first: `keeps 105 of 107 detections, 1 new; mAP50-95 .6725 → .6712 …`."""
        if self.wrong or self.loss is None:
            return f"gives no usable answer {self.wrong}"
        if not self.expected:
            found = f"{self.new} in the artifact, " if self.new else ""
            return f"{found}none of the {self.what} in {self.on} that {self.against} finds: these images prove nothing"
        kept = f"keeps {self.kept} of {self.expected}" if self.kept < self.expected else f"keeps all {self.kept}"
        new = f"{self.new} new" if self.new else "none new"
        return f"{kept} {self.what} on {self.on}, {new}; {self.loss.sentence}"

    @property
    def on(self) -> str:
        return f"{self.images} images of yours" if self.images > 1 else "one image of yours"

    @property
    def verdict(self) -> Verdict:
        """FAIL where more is lost than allowed. WARN where the images show nothing: where nothing is found, or where
        rounding alone may lose as much.
        """
        if self.wrong or self.loss is None:
            return Verdict.FAIL
        if self.loss.points <= self.most:
            return Verdict.PASS if self.expected else Verdict.WARN
        explained = self.rounding is not None and self.loss.points <= self.rounding.most
        return Verdict.WARN if explained else Verdict.FAIL
