"""The numbers of the sky, each with its unit and where it comes from.

DE421 gives the masses, because trajectories are integrated among bodies that move as DE421 says;
the gravity fields give the harmonics, unnormalised, each with the radius and the frame it was
fitted in.
"""

from __future__ import annotations

from typing import Final

SPEED_OF_LIGHT_KM_S: Final = 299_792.458  # exact, SI
AU_KM: Final = 149_597_870.7  # exact, IAU 2012 resolution B2
DAY_S: Final = 86_400.0
J2000_TDB_JD: Final = 2_451_545.0
DAYS_PER_JULIAN_CENTURY: Final = 36_525.0

# Gravitational parameters, km^3/s^2, TDB-compatible: constants of DE421 (Folkner, Williams and
# Boggs, "The Planetary and Lunar Ephemeris DE 421", IPN Progress Report 42-178, 2009, table 4 and
# the header).
GM_SUN_KM3_S2: Final = 132_712_440_040.944
GM_MERCURY_KM3_S2: Final = 22_032.090
GM_VENUS_KM3_S2: Final = 324_858.592
GM_EARTH_KM3_S2: Final = 398_600.436_233
GM_MOON_KM3_S2: Final = 4_902.800_076
GM_MARS_KM3_S2: Final = 42_828.375_214  # the Mars system; Phobos and Deimos weigh 1e-8 of it
GM_JUPITER_KM3_S2: Final = 126_712_764.8  # the Jupiter system
GM_SATURN_KM3_S2: Final = 37_940_585.2  # the Saturn system

# Mean or equatorial radii, km: IAU WGCCRE 2015 (Archinal et al., CMDA 130:22, 2018).
RADIUS_SUN_KM: Final = 695_700.0
RADIUS_MERCURY_KM: Final = 2_439.4
RADIUS_VENUS_KM: Final = 6_051.8
RADIUS_EARTH_KM: Final = 6_378.137  # equatorial, WGS84
RADIUS_MOON_KM: Final = 1_737.4
RADIUS_MARS_KM: Final = 3_396.19  # equatorial
RADIUS_JUPITER_KM: Final = 71_492.0  # equatorial, 1 bar
RADIUS_SATURN_KM: Final = 60_268.0  # equatorial, 1 bar

# Gravity harmonics, unnormalised, with the reference radius they belong to.
# Moon: `topology.gravity`.
MOON_GRAVITY_RADIUS_KM: Final = 1_738.0
# Earth: EGM96 (Lemoine et al., NASA/TP-1998-206861), tide-free.
EARTH_J2: Final = 1.082_626_68e-3  # C20 = -4.841_653_7e-4 * sqrt(5)
EARTH_GRAVITY_RADIUS_KM: Final = 6_378.136_3
# Mars: MRO120D (Konopliv, Park and Folkner, Icarus 274, 2016).
MARS_J2: Final = 1.956_61e-3  # C20 = -8.750_2e-4 * sqrt(5)
MARS_GRAVITY_RADIUS_KM: Final = 3_396.0

SOLAR_CONSTANT_W_M2: Final = 1_361.0  # at 1 AU: Kopp and Lean, GRL 38, 2011
SOLAR_PRESSURE_N_M2: Final = SOLAR_CONSTANT_W_M2 / (SPEED_OF_LIGHT_KM_S * 1e3)  # what it pushes
