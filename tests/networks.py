"""SR networks small enough for tests that run all of them: the arguments of each."""

SMALL = {
    "bicubic": {},
    "vdsr": {"depth": 4, "features": 8},
    "srresnet": {"blocks": 2, "features": 8},
    "rrdb": {"blocks": 1, "features": 8, "growth": 4},
    "rcan": {"groups": 1, "blocks": 2, "features": 16, "reduction": 2},
    "vsr_duf": {"depth": 16, "units": 1, "growth": 4, "features": 8, "head": 8},
    "spmc": {"features": 4, "motion_features": 4},
    "basicvsr": {"features": 4, "blocks": 1},
}
