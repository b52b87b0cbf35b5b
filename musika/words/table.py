"""What words mean in music: the table behind prompts.

A word acts on scales from -1 to 1, and beyond for extremes: `tempo` from slow to fast, `dynamics` from soft to loud,
`density` from few notes to many, `register` from low to high, `articulation` from staccato to legato, `brightness` from
dark to bright, and `mode` from minor to major. Words of the first kind say one of these directly. Those of the second
kind, moods and pictures, suggest several, and yield to words that say it directly.
"""

from __future__ import annotations

import re

SCALES = ("tempo", "dynamics", "density", "register", "articulation", "brightness", "mode")
# changes in the course of the first minute
CHANGES = {"tempo_change": "tempo", "dynamics_change": "dynamics", "density_change": "density"}
EFFECT = re.compile(r"([a-z_]+)([+-]\d*\.?\d+)")


def _list_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# level -> words that say it directly
_DIRECT = {
    "tempo-2": "glacial, grave, larghissimo, extremely slow",
    "tempo-1.5": "largo, lento, crawling, snail's pace",
    "tempo-1.25": "larghetto, adagissimo, dragging",
    "tempo-1": "slow, adagio, unhurried, leisurely, sluggish, slow-moving, slow-paced, downtempo, low tempo",
    "tempo-0.6": "adagietto, laid-back, laid back, relaxed tempo, easygoing, easy-going, unrushed",
    "tempo-0.4": "andante, walking pace, strolling, ambling",
    "tempo+0": "moderato, moderate, moderate tempo, mid-tempo, midtempo, medium tempo, mid tempo, steady pace",
    "tempo+0.35": "andantino, allegretto, brisk walk, jogging",
    "tempo+0.7": "allegro ma non troppo, allegro non troppo",
    "tempo+0.9": "allegro, brisk, quick, up-tempo, uptempo, up tempo, speedy, swift",
    "tempo+1": "fast, rapid, fast-paced, fast tempo, high tempo, double time, hurried",
    "tempo+1.3": "vivace, racing, galloping",
    "tempo+1.5": "presto, breakneck, lightning fast, very fast",
    "tempo+2": "prestissimo",
    "dynamics-2": "barely audible, almost silent, nearly silent, inaudible",
    "dynamics-1.5": "pianissimo, whispered, whispering, whisper",
    "dynamics-1": "soft, quiet, hushed, low volume, muted, faint, softly played, subdued, sotto voce, silent",
    "dynamics-0.7": "gentle",
    "dynamics-0.5": "mezzo piano, mezzopiano, mellow, rather soft",
    "dynamics+0": "moderate volume, medium volume, mezzo",
    "dynamics+0.4": "mezzo forte, mezzoforte, rather loud",
    "dynamics+1": "loud, forte, strong, high volume, noisy, booming, pounding",
    "dynamics+1.5": "fortissimo, thundering, thunderous, deafening, blaring, roaring, full volume",
    "density-1.3": "almost empty, single notes, hardly any notes, very few notes",
    "density-1": "sparse, few notes, minimal, minimalist, minimalistic, bare, uncluttered, thin, lots of space",
    "density-0.8": "spacious, simple, open, space between the notes, room to breathe, uncomplicated, plain",
    "density+0": "medium density",
    "density+0.8": "ornate, ornamented, elaborate, intricate, rich, complex, textured, layered, arpeggio, florid",
    "density+1": "dense, busy, many notes, lots of notes, a lot of notes, virtuosic, virtuoso, thick, packed, crowded",
    "density+1.2": "torrent, cascading, cascade, flurry, runs, rapid-fire, shredding",
    "register-1.5": "rock bottom, lowest notes, subterranean",
    "register-1": (
        "low, deep, bass register, low notes, low register, bassy, low-pitched, bass notes, rumbling, low end, "
        "in the bass"
    ),
    "register+0": "middle register, mid register, middle of the keyboard, mid-range",
    "register+1": "high, high notes, treble, high register, high-pitched, soprano, upper register, top notes, falsetto",
    "register+1.5": "piercing, shrill, highest notes, stratospheric",
    "articulation-1.2": "staccatissimo",
    "articulation-1": "staccato, choppy, clipped, plucky, spiky, pointed, percussive, plucked, short notes, pizzicato",
    "articulation-0.5": "detached, crisp, bouncy, bouncing, springy, non legato, non-legato, separate notes, marcato",
    "articulation+0.8": "smooth, connected, fluid, flowing, sustained, lyrical, cantabile, singing, long notes",
    "articulation+1": "legato, legatissimo, slurred, seamless",
    "brightness-1": "dull, muffled, dark timbre, dark sound, dark tone, warm tone, dark-toned, felt",
    "brightness-0.6": "warm",
    "brightness+1": "brilliant, sparkling, shiny, crystal clear, crystalline, bright, glittering, shimmering, glassy",
    "brightness+0.6": "clear, metallic, tinny",
    "mode-1": "minor, minor key, minor mode, in minor, minor-key, minor tonality",
    "mode+1": "major, major key, major mode, in major, major-key, major tonality",
    "tempo_change+1": (
        "accelerando, speeding up, speeds up, getting faster, gets faster, faster and faster, picks up speed, "
        "picking up speed, accelerating, gathers speed, stringendo"
    ),
    "tempo_change-1": (
        "ritardando, rallentando, slowing down, slows down, getting slower, gets slower, slower and slower, "
        "losing speed, slowing, winding down, winds down"
    ),
    "dynamics_change+1": (
        "crescendo, swelling, getting louder, gets louder, louder and louder, grows louder, swells, growing louder, "
        "builds up, building up, build-up, building, builds, grows in volume, gaining strength"
    ),
    "dynamics_change-1": (
        "diminuendo, decrescendo, fading, fades, fade out, fading out, fades out, getting softer, gets softer, "
        "dying away, dies away, getting quieter, gets quieter, softer and softer, quieter and quieter"
    ),
    "density_change+1": "getting busier, gets busier, busier and busier, getting denser, gets denser, filling up",
    "density_change-1": "thinning out, thins out, getting sparser, gets sparser, emptying",
}

# effects -> moods, pictures, occasions and kinds of pieces that suggest them
_SUGGESTED = {
    # sad
    "mode-1 tempo-0.8 dynamics-0.7 density-0.4": (
        "sad, sorrowful, mournful, melancholy, melancholic, gloomy, grieving, grief, sorrow, tearful, tears, crying, "
        "weeping, heartbroken, heartbreak, heartbreaking, lonely, loneliness, lonesome, depressing, depressed, bleak, "
        "desolate, forlorn, wistful, blue, doleful, plaintive, dismal, rueful, elegiac, elegy, lament, regretful, "
        "unhappy, despondent, somber, sombre, downcast, morose, dejected, sadness, doloroso, farewell, loss, bereaved"
    ),
    "mode-1 tempo-1 dynamics-0.6 register-0.5 density-0.5": "funeral, funereal, dirge, requiem, graveyard, burial",
    "mode-1 tempo-0.6 dynamics-0.6": "nostalgic, nostalgia, longing, yearning, bittersweet, aching, homesick, pensive",
    # dark
    "mode-1 brightness-1 register-0.6": "dark, shadowy, murky, dusky, shadows, darkness, noir, brooding, obscure",
    "mode-1 brightness-0.7 tempo-0.4 dynamics-0.4 register-0.4": (
        "mysterious, mystery, eerie, haunting, haunted, spooky, creepy, ghostly, ghost, uncanny, ominous, sinister, "
        "foreboding, unsettling, enigmatic, occult, suspenseful, suspense, gothic, macabre, midnight, crypt, scary"
    ),
    # fierce
    "mode-1 tempo+1 dynamics+1 density+0.6 articulation-0.4": (
        "angry, furious, rage, fury, aggressive, violent, fierce, ferocious, wild, savage, raging, hostile, wrath, "
        "menacing, frenzied, frantic, stormy, storm, tempest, tempestuous, turbulent, thunderstorm, battle, war, "
        "chase, fight, hurricane, agitato, agitated, demonic, feroce, brutal, anger"
    ),
    "mode-1 tempo+0.7 dynamics+0.4 density+0.4": (
        "anxious, nervous, tense, restless, worried, fearful, uneasy, panicked, panic, anxiety, tension, urgent, "
        "desperate, agitating, edgy, frightening, terrifying, horror, danger, dangerous, paranoid"
    ),
    "mode-1 tempo+0.5 dynamics+0.7 density+0.4": "dramatic, passionate, intense, appassionato, stirring, fiery, fire",
    "mode-1 dynamics+0.6 tempo-0.4": "tragic, tragedy",
    # happy
    "mode+1 tempo+0.8 dynamics+0.3 density+0.3 articulation-0.3": (
        "happy, cheerful, joyful, joyous, merry, jolly, glad, gleeful, jubilant, upbeat, sunny, carefree, delighted, "
        "playful, fun, funny, jaunty, perky, chirpy, bubbly, lively, giocoso, gay, elated, exuberant, festive, "
        "party, birthday, celebration, celebratory, circus, comic, comical, cheery, happiness, joy, sprightly, "
        "smiling, laughing, laughter, summer, vivacious, mischievous, whimsical, quirky, skipping, feel-good, "
        "humorous, optimistic"
    ),
    "mode+1 tempo+0.8 dynamics+0.8 density+0.5": (
        "energetic, excited, exciting, ecstatic, thrilling, euphoric, exhilarating, vigorous, spirited, animated, "
        "dynamic, bustling, con brio, rousing, invigorating, workout, adventurous, adventure"
    ),
    "mode+1 dynamics+1 tempo+0.2 density+0.6": (
        "triumphant, heroic, victorious, victory, majestic, grand, grandiose, epic, noble, regal, royal, proud, "
        "glorious, fanfare, ceremonial, stately, maestoso, powerful, magnificent, anthem, coronation, bold, mighty"
    ),
    "mode+1 tempo-0.3 dynamics-0.2": "hopeful, uplifting, inspiring, hope, encouraging, dawn, sunrise, spring, morning",
    # calm
    "tempo-0.8 dynamics-0.8 density-0.5 articulation+0.5": (
        "calm, calming, peaceful, relaxing, relaxed, soothing, tranquil, serene, restful, quieting, meditative, "
        "meditation, ambient, sleepy, sleep, sleeping, drowsy, chill, chilled, chillout, lazy, placid, "
        "peace, spa, yoga, contemplative, mindful, bedtime, study, studying, reading, zen, tranquility, comforting, "
        "breathing, resting, rest, napping, unwinding, tranquillo, stillness, soporific, hypnotic"
    ),
    "mode+1 tempo-0.7 dynamics-0.8 density-0.4 articulation+0.5": (
        "lullaby, cradle song, berceuse, tender, tenderly, sweet, delicate, dolce, loving, love, affectionate, "
        "intimate, baby, cradle, innocent, pastoral, idyllic, angelic, heavenly, kiss, caress, cozy, cosy"
    ),
    "tempo-0.7 dynamics-0.6 articulation+0.6": (
        "dreamy, dreamlike, dream, floating, ethereal, romantic, romance, airy, weightless, hazy, misty, mist, fog, "
        "moonlight, moonlit, night, evening, nocturne, nocturnal, starlight, stars, candlelight, reverie, drifting, "
        "clouds, cloud, space, cosmic, underwater, atmospheric, sentimental, barcarolle, snow, snowfall, snowing, "
        "twilight, dusk, moon, autumn, lake, lagoon, gliding, swan, veil, spiritual, prayer, prayerful, religious"
    ),
    "tempo-0.4 dynamics-0.7 density+0.2 articulation-0.3": "rain, raindrops, rainy, drizzle, dripping, droplets",
    "tempo-0.3 dynamics-0.3 articulation+0.6 density+0.3": "river, stream, brook, water, waves, sea, ocean, rippling",
    "dynamics-0.5 articulation-0.5 density-0.2 register+0.4": "light, lightweight, feathery, dainty, elfin, fairy",
    "register+0.6 dynamics-0.4 tempo+0.3 density+0.4 articulation-0.4": "birds, birdsong, butterfly, fluttering",
    "register+0.7 dynamics-0.5 mode+1": "music box, toy, nursery, doll, fairy tale, child, children, childlike",
    "dynamics+0.8 register-0.5 density+0.5": "heavy, massive, monumental, colossal, weighty, crushing, ponderous",
    "tempo-0.7 register-0.6 dynamics+0.4": "lumbering, elephant, giant, trudging, plodding",
    # energy
    "tempo+0.8 dynamics+0.7 density+0.6": "high energy, high-energy, energy, busy city, traffic, rush, hectic, sport",
    "tempo-0.7 dynamics-0.6 density-0.5": "low energy, low-energy, low-key, low key, understated, tired, weary",
    # kinds of pieces and of music
    "metre=3/4 tempo+0.4": "waltz, valse, waltzing, ländler",
    "metre=3/4 tempo+0.2": "minuet, menuet, mazurka, polonaise",
    "metre=2/4 tempo+0.1 dynamics+0.5 articulation-0.4": "march, marching, parade, military",
    "metre=2/4 tempo+0.8 articulation-0.5": "polka",
    "metre=6/8 tempo+0.8": "jig, gigue, tarantella",
    "tempo-0.7 dynamics-0.3": "ballad, aria, hymn, chorale, sarabande, pavane",
    "tempo+1 density+1": "etude, étude, toccata, perpetual motion, moto perpetuo, hornpipe, reel",
    "tempo+0.7 articulation-0.5": "ragtime, scherzo, dance, dancing, danceable, boogie, techno, disco, swing, swinging",
    "tempo+0.8 dynamics+0.8": "rock, metal, punk",
}

# names of instruments that are other words as well: the table does not take them for instruments
NOT_INSTRUMENTS = _list_words(
    "rain soundtrack crystal atmosphere brightness goblins echoes applause keys voice voices horn wind bells pad "
    "bass helicopter gunshot seashore whistle bell reeds orchestra keyboard"
)
# names that count as instruments all the same where they are said like this
INSTRUMENT_PHRASES = {
    "bass guitar": "fingered bass",
    "double bass": "double bass",
    "upright bass": "acoustic bass",
    "pipe organ": "church organ",
    "grand piano": "grand piano",
    "orchestra": "strings",
    "orchestral": "strings",
    "string orchestra": "strings",
    "string section": "strings",
    "violins": "violin",
    "voices": "choir",
    "vocal": "choir",
    "vocals": "choir",
    "choral": "choir",
    "wind instruments": "winds",
    "church bells": "tubular bells",
    "synth pad": "warm pad",
    "synthesizers": "synthesiser",
    "electronic": "synthesiser",
    "beats": "drums",
    "drumming": "drums",
    "pianist": "piano",
    "guitarist": "guitar",
    "violinist": "violin",
    "keyboard": "piano",
    "horns": "brass",
}

NEGATIONS = _list_words("not no without never non neither nor cannot avoid lacking free-of nothing hardly")
# words before another that change how much it counts
DEGREES = {
    **dict.fromkeys(("extremely", "incredibly", "ultra", "super", "insanely", "utterly", "impossibly"), 1.8),
    **dict.fromkeys(("very", "really", "so", "highly", "deeply", "terribly", "quite a lot", "hugely", "most"), 1.4),
    **dict.fromkeys(("much", "more", "particularly", "especially", "truly", "unusually"), 1.2),
    **dict.fromkeys(("quite", "pretty", "rather", "fairly", "reasonably", "moderately", "mostly"), 0.8),
    **dict.fromkeys(("slightly", "somewhat", "mildly", "bit", "little", "touch", "hint", "kind-of", "almost"), 0.5),
}
EXCESS = _list_words("too very overly that terribly so particularly excessively especially really")  # not TOO fast

# words that say nothing about the music: they are neither understood nor complained of
FILLERS = _list_words(
    "a an the and or but with of in on at to for from by as like i you we it is be are am was were that this these "
    "those there some something any please make me my want would need give us play played playing music piece song "
    "tune track melody melodies sound sounds sounding style mood feel feeling feels key mode tempo time pace rhythm "
    "instrument solo pieces notes note bpm beats beat bar bars per minute its one very really too so just only more "
    "most much little bit rather quite pretty kind sort also then while into over through without not no never it's "
    "i'm i'd background theme register volume dynamics density articulation chords chord form metre meter tone "
    "tones loops loop part parts slightly full which has have having who when where what how all both even still "
    "about around up down out off than someone somebody lot lots touch hint could should can may let lets be being "
    "been get gets getting go goes going tonight today day days long short good nice beautiful great lovely "
    "pleasant"
)


def _read_effects(text: str) -> tuple[tuple[str, float | str], ...]:
    """The effects of one entry of the table."""
    effects: list[tuple[str, float | str]] = []
    for part in text.split():
        if part.startswith("metre="):
            effects.append(("metre", part.removeprefix("metre=")))
            continue
        match = EFFECT.fullmatch(part)
        assert match is not None and match[1] in (*SCALES, *CHANGES), part
        effects.append((match[1], float(match[2])))
    return tuple(effects)


def _list_entries(table: dict[str, str]) -> dict[str, tuple[tuple[str, float | str], ...]]:
    return {word.strip(): _read_effects(effects) for effects, words in table.items() for word in words.split(",")}


DIRECT, SUGGESTED = _list_entries(_DIRECT), _list_entries(_SUGGESTED)
