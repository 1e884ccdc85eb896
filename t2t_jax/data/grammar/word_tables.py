"""The open word classes as text tables, read by `lexicon.py`."""

# key, English plural, gender, German, genitive (- where it is the same),
# plural, kinds. "weak" marks the German n-declension. No noun whose English
# plural equals its singular: "the sheep slept" would have two translations.
NOUNS = """
man       men         m Mann     Mannes     Männer      person
boy       boys        m Junge    Jungen     Jungen      person weak
teacher   teachers    m Lehrer   Lehrers    Lehrer      person job
doctor    doctors     m Arzt     Arztes     Ärzte       person job
cook      cooks       m Koch     Kochs      Köche       person job
brother   brothers    m Bruder   Bruders    Brüder      person kin
son       sons        m Sohn     Sohnes     Söhne       person kin
father    fathers     m Vater    Vaters     Väter       person kin
uncle     uncles      m Onkel    Onkels     Onkel       person kin
neighbour neighbours  m Nachbar  Nachbarn   Nachbarn    person weak
woman     women       f Frau     -          Frauen      person
mother    mothers     f Mutter   -          Mütter      person kin
sister    sisters     f Schwester -         Schwestern  person kin
daughter  daughters   f Tochter  -          Töchter     person kin
aunt      aunts       f Tante    -          Tanten      person kin
queen     queens      f Königin  -          Königinnen  person
child     children    n Kind     Kindes     Kinder      person kin
dog       dogs        m Hund     Hundes     Hunde       animal
bird      birds       m Vogel    Vogels     Vögel       animal flying
bear      bears       m Bär      Bären      Bären       animal weak
cat       cats        f Katze    -          Katzen      animal
mouse     mice        f Maus     -          Mäuse       animal
cow       cows        f Kuh      -          Kühe        animal
horse     horses      n Pferd    Pferdes    Pferde      animal
pig       pigs        n Schwein  Schweins   Schweine    animal
apple     apples      m Apfel    Apfels     Äpfel       food item coloured
cake      cakes       m Kuchen   Kuchens    Kuchen      food item
potato    potatoes    f Kartoffel -         Kartoffeln  food item
soup      soups       f Suppe    -          Suppen      food
egg       eggs        n Ei       Eis        Eier        food item
bread     -           n Brot     Brots      -           food mass
coffee    -           m Kaffee   Kaffees    -           drink mass
milk      -           f Milch    -          -           drink mass
water     -           n Wasser   Wassers    -           drink mass
letter    letters     m Brief    Briefs     Briefe      text item written
newspaper newspapers  f Zeitung  -          Zeitungen   text item
book      books       n Buch     Buchs      Bücher      text item written
key       keys        m Schlüssel Schlüssels Schlüssel  item small
ball      balls       m Ball     Balls      Bälle       item small
flower    flowers     f Blume    -          Blumen      item small
lamp      lamps       f Lampe    -          Lampen      item
picture   pictures    n Bild     Bilds      Bilder      item picture
glass     glasses     n Glas     Glases     Gläser      item small
shirt     shirts      n Hemd     Hemds      Hemden      item clothes
coat      coats       m Mantel   Mantels    Mäntel      item clothes
suitcase  suitcases   m Koffer   Koffers    Koffer      item openable
bag       bags        f Tasche   -          Taschen     item openable
door      doors       f Tür      -          Türen       openable part
window    windows     n Fenster  Fensters   Fenster     openable part side
roof      roofs       n Dach     Dachs      Dächer      part
train     trains      m Zug      Zugs       Züge        vehicle
car       cars        n Auto     Autos      Autos       vehicle building road
ship      ships       n Schiff   Schiffs    Schiffe     vehicle
garden    gardens     m Garten   Gartens    Gärten      place room
forest    forests     m Wald     Waldes     Wälder      place
city      cities      f Stadt    -          Städte      place
village   villages    n Dorf     Dorfes     Dörfer      place
kitchen   kitchens    f Küche    -          Küchen      place room
room      rooms       n Zimmer   Zimmers    Zimmer      place room
school    schools     f Schule   -          Schulen     place building room
church    churches    f Kirche   -          Kirchen     place building
house     houses      n Haus     Hauses     Häuser      place building room
table     tables      m Tisch    Tisches    Tische      furniture side
chair     chairs      m Stuhl    Stuhls     Stühle      furniture
bench     benches     f Bank     -          Bänke       furniture
bed       beds        n Bett     Bettes     Betten      furniture
tree      trees       m Baum     Baumes     Bäume       big
river     rivers      m Fluss    Flusses    Flüsse      big side
bridge    bridges     f Brücke   -          Brücken     big
"""

# key, English base (+particle, ~preposition), past, participle, German
# infinitive (prefix+), third person singular present, past, participle,
# auxiliary (h or s).
VERBS = """
be be was been sein ist war gewesen s
exist be was been geben gibt gab gegeben h
sleep sleep slept slept schlafen schläft schlief geschlafen h
work work worked worked arbeiten arbeitet arbeitete gearbeitet h
laugh laugh laughed laughed lachen lacht lachte gelacht h
dance dance danced danced tanzen tanzt tanzte getanzt h
sing sing sang sung singen singt sang gesungen h
swim swim swam swum schwimmen schwimmt schwamm geschwommen s
wait wait waited waited warten wartet wartete gewartet h
play play played played spielen spielt spielte gespielt h
get_up get+up got got auf+stehen steht stand gestanden s
wake_up wake+up woke woken auf+wachen wacht wachte gewacht s
arrive arrive arrived arrived an+kommen kommt kam gekommen s
see see saw seen sehen sieht sah gesehen h
hear hear heard heard hören hört hörte gehört h
love love loved loved lieben liebt liebte geliebt h
know know knew known kennen kennt kannte gekannt h
look_for look~for looked looked suchen sucht suchte gesucht h
find find found found finden findet fand gefunden h
buy buy bought bought kaufen kauft kaufte gekauft h
sell sell sold sold verkaufen verkauft verkaufte verkauft h
eat eat ate eaten essen isst aß gegessen h
drink drink drank drunk trinken trinkt trank getrunken h
read read read read lesen liest las gelesen h
write write wrote written schreiben schreibt schrieb geschrieben h
carry carry carried carried tragen trägt trug getragen h
wash wash washed washed waschen wäscht wusch gewaschen h
paint paint painted painted malen malt malte gemalt h
need need needed needed brauchen braucht brauchte gebraucht h
lose lose lost lost verlieren verliert verlor verloren h
forget forget forgot forgotten vergessen vergisst vergaß vergessen h
visit visit visited visited besuchen besucht besuchte besucht h
repair repair repaired repaired reparieren repariert reparierte repariert h
open open opened opened auf+machen macht machte gemacht h
close close closed closed zu+machen macht machte gemacht h
invite invite invited invited ein+laden lädt lud geladen h
call call called called an+rufen ruft rief gerufen h
pick_up pick+up picked picked ab+holen holt holte geholt h
tidy_up tidy+up tidied tidied auf+räumen räumt räumte geräumt h
help help helped helped helfen hilft half geholfen h
thank thank thanked thanked danken dankt dankte gedankt h
follow follow followed followed folgen folgt folgte gefolgt s
answer answer answered answered antworten antwortet antwortete geantwortet h
belong_to belong~to belonged belonged gehören gehört gehörte gehört h
give give gave given geben gibt gab gegeben h
show show showed shown zeigen zeigt zeigte gezeigt h
send send sent sent schicken schickt schickte geschickt h
bring bring brought brought bringen bringt brachte gebracht h
go go went gone gehen geht ging gegangen s
run run ran run laufen läuft lief gelaufen s
drive drive drove driven fahren fährt fuhr gefahren s
come come came come kommen kommt kam gekommen s
live live lived lived wohnen wohnt wohnte gewohnt h
lie lie lay lain liegen liegt lag gelegen h
sit sit sat sat sitzen sitzt saß gesessen h
stand stand stood stood stehen steht stand gestanden h
put put put put legen legt legte gelegt h
know_that know knew known wissen weiß wusste gewusst h
say say said said sagen sagt sagte gesagt h
believe believe believed believed glauben glaubt glaubte geglaubt h
hope hope hoped hoped hoffen hofft hoffte gehofft h
ask ask asked asked fragen fragt fragte gefragt h
"""

# key, frame (see `sampling.py`), kinds of the subject, kinds of the object.
FRAMES = """
be be - -
exist exist - -
sleep none animate -
work none person -
laugh none person -
dance none person -
sing none person,flying -
swim none animate -
wait none animate -
play none animate -
get_up none person -
wake_up none animate -
arrive none person,vehicle -
see acc animate animate,item,big
hear acc animate animate
love acc person animate
know acc person person
look_for acc animate animate,item
find acc animate animate,item
buy acc person item,drink,vehicle
sell acc person item,vehicle
eat acc person food
drink acc animate drink
read acc person text
write acc person written
carry acc person item
wash acc person clothes,road
paint acc person picture,big,animal
need acc person item
lose acc person small,text,clothes
forget acc person item
visit acc person person
repair acc person vehicle,part,furniture
open acc person openable
close acc person openable
invite acc person person
call acc person person
pick_up acc person person,text
tidy_up acc person room
help dat animate animate
thank dat person person
follow dat animate animate
answer dat person person
belong_to owner item,vehicle person
give both person item
show both person item,animal
send both person text,small
bring both person item,drink,soup
go goal person -
run goal animate -
drive goal person -
come goal animate -
live site person -
lie site item,animal -
sit site animate -
stand site animate,vehicle -
put put person item
know_that that person -
say that person -
believe that person -
hope that person -
ask whether person -
"""

# key, English comparative (- for none), German, stem before endings, German
# comparative, kinds of noun it fits.
ADJECTIVES = """
old older alt alt älter any
big bigger groß groß größer any
small smaller klein klein kleiner any
beautiful more_beautiful schön schön schöner any
young younger jung jung jünger animate
strong stronger stark stark stärker animate
clever cleverer klug klug klüger animate
friendly friendlier freundlich freundlich freundlicher animate
happy happier glücklich glücklich glücklicher animate
sad sadder traurig traurig trauriger animate
tired - müde müd - animate
hungry - hungrig hungrig - animate
sick - krank krank - animate
poor poorer arm arm ärmer animate
new newer neu neu neuer thing
expensive more_expensive teuer teur teurer thing
cheap cheaper billig billig billiger thing
heavy heavier schwer schwer schwerer item
clean cleaner sauber sauber sauberer thing
dirty dirtier schmutzig schmutzig schmutziger thing
fresh fresher frisch frisch frischer eatable
cold colder kalt kalt kälter eatable
warm warmer warm warm wärmer eatable
red - rot rot - colour
green - grün grün - colour
white - weiß weiß - colour animal
black - schwarz schwarz - colour animal
"""
