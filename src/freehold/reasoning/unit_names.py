"""The names of units as people write them, and what each may mean.

It knows spellings and which spellings are ambiguous, and computes nothing. It exists because a general parser of units
reads `5 apples` as an attosecond of something: only what stands in this table is a unit, and a name that has more than
one meaning (an ounce of mass or of volume, a year of 365 days or of 52 weeks) has all of them.

A meaning is a name of the unit registry, with a whole factor before it where there is one: `365 day`.
"""

import re

_TABLE = """
metre: m meter meters metre metres
kilometre: km kilometer kilometers kilometre kilometres kms
centimetre: cm centimeter centimeters centimetre centimetres cms
millimetre: mm millimeter millimeters millimetre millimetres
micrometre: µm μm um micrometer micrometers micron microns
nanometre: nm nanometer nanometers
inch: inch inches in.
foot: ft foot feet
yard: yd yard yards
mile: mi mile miles
nautical_mile: nmi nautical_mile nautical_miles
gram: g gram grams gm gms
kilogram: kg kilogram kilograms kgs kilo kilos
milligram: mg milligram milligrams mgs
microgram: mcg µg μg ug microgram micrograms
nanogram: ng nanogram nanograms
metric_ton: tonne tonnes
ton | metric_ton | UK_ton: ton tons
pound: lb lbs pound pounds
ounce | fluid_ounce: oz ounce ounces
fluid_ounce | imperial_fluid_ounce | 30 millilitre: fl_oz fluid_ounce fluid_ounces
stone: stone stones
litre: l L liter liters litre litres
millilitre: ml mL milliliter milliliters millilitre millilitres cc
microlitre: µl μl µL uL microliter microliters
decilitre: dl dL deciliter deciliters
centilitre: cl cL centiliter centiliters
gallon | imperial_gallon: gal gallon gallons
quart | imperial_quart: qt quart quarts
pint | imperial_pint: pt pint pints
cup | 240 millilitre | 250 millilitre: cup cups
tablespoon | 15 millilitre: tbsp tablespoon tablespoons
teaspoon | 5 millilitre: tsp teaspoon teaspoons
second: s sec secs second seconds
millisecond: ms millisecond milliseconds
microsecond: µs μs us microsecond microseconds
minute: min mins minute minutes
hour: h hr hrs hour hours
day: day days
week: wk wks week weeks
fortnight: fortnight fortnights
month | 28 day | 29 day | 30 day | 31 day | 4 week: month months
year | 365 day | 366 day | 360 day | 52 week: yr yrs year years
10 year: decade decades
100 year: century centuries
degree_Celsius: °C ℃ degC degrees_Celsius degrees_celsius degree_Celsius degrees_C
degree_Fahrenheit: °F ℉ degF degrees_Fahrenheit degrees_fahrenheit degree_Fahrenheit degrees_F
kelvin: K kelvin kelvins
degree: ° deg degree degrees
radian: rad radian radians
newton: N newton newtons
joule: J joule joules
megajoule: MJ megajoule megajoules
milliampere: mA
millivolt: mV
gigawatt: GW gigawatt gigawatts
megawatt_hour: MWh
kilojoule: kJ kilojoule kilojoules
calorie | kilocalorie: cal calorie calories
kilocalorie: kcal kilocalorie kilocalories Cal
watt: W watt watts
kilowatt: kW kilowatt kilowatts
megawatt: MW megawatt megawatts
kilowatt_hour: kWh kilowatt-hour kilowatt-hours
electron_volt: eV
pascal: Pa pascal pascals
kilopascal: kPa kilopascal kilopascals
bar: bar bars
atmosphere: atm atmosphere atmospheres
mmHg: mmHg
torr: torr Torr
psi: psi
volt: V volt volts
ampere: A amp amps ampere amperes
ohm: Ω ohm ohms
hertz: Hz hertz
kilohertz: kHz
megahertz: MHz
gigahertz: GHz
mole: mol mole moles
millimole: mmol millimole millimoles
acre: acre acres
hectare: ha hectare hectares
bit: bit bits
byte: byte bytes B
kilobyte | kibibyte: kB KB kilobyte kilobytes
megabyte | mebibyte: MB megabyte megabytes
gigabyte | gibibyte: GB gigabyte gigabytes
terabyte | tebibyte: TB terabyte terabytes
mile / hour: mph
kilometre / hour: kph kmh
percent: % percent
basis_point: bps bp basis_point basis_points
ppm: ppm
liter_per_minute: lpm
"""

DERIVED = {"basis_point": "1e-4", "liter_per_minute": "litre / minute"}
"""Units that the registry does not have, by definition."""

SMALLER: dict[str, frozenset[str]] = {
    "year": frozenset({"month", "week", "day"}),
    "month": frozenset({"week", "day"}),
    "week": frozenset({"day"}),
    "day": frozenset({"hour", "minute"}),
    "hour": frozenset({"minute", "second"}),
    "minute": frozenset({"second"}),
    "foot": frozenset({"inch"}),
    "stone": frozenset({"pound"}),
    "pound": frozenset({"ounce"}),
    "metre": frozenset({"centimetre"}),
    "kilogram": frozenset({"gram"}),
}
"""What people put beside a unit without a plus: `1 hour 30 minutes`."""

READINGS: dict[str, tuple[str, ...]] = {
    written: tuple(meaning.strip() for meaning in line.split(":")[0].split("|"))
    for line in _TABLE.strip().splitlines()
    for written in line.split(":")[1].split()
}
"""Every spelling, and its meanings. Letters count: `mg` is not `Mg`."""


def readings(written: str) -> tuple[str, ...]:
    """What a name may mean; none when it is no unit. Words longer than two letters may be capitalised."""
    plain = re.sub(r"\s+", "_", written.strip())
    found = READINGS.get(plain, ())
    return found if found or len(plain) <= 2 else READINGS.get(plain.lower(), ())
