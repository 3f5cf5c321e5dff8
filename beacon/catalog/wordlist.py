"""Words of passwords that people can read out and type: short, common, and told apart by ear."""

from __future__ import annotations

_WORDS = """
able acid acorn actor adept adobe adult agent agile aim alarm album alder alert alley allow alloy alone
alpha amend ample amuse angle ant anvil apple april apron area arena arise arm aroma array arrow art ash ask
aspen asset atlas attic audio avid avoid award azure baby back bacon badge bake baker ball band bar barn
base basil basin batch bath baton bay bead beak beam bear bed beef beet begin belt berry best big bike bill
birch bird bison bit blank blaze blend bless blink bloom blush boat body boil bolt bone bonus book boot boss
bow bowl box brain brass brave bread brick brief bring brisk broad broom brown brush bud bulb bulk bunny
burst bush buzz cabin cable cage calf call calm camel camp candy cane canoe cap car card care cargo carol
carve case cash cat catch cedar cello chain chair charm chart chase cheap check cheer chef chess chest child
chill chin chip choir city civil claim clam clay clean clear clerk click climb cloak clock close cloud club
clue coach coal coat cocoa code coil coin color comb come comet cone cook cool copy coral corn cosy couch
count cow crab craft crane cream crest crew crisp crop crow crowd crown crumb crust cube cuff cup curb curry
curve cycle daily dairy dance dark dart dash date day deal deck deep den denim depth desk dial dice diet dig
digit diner dip disc dish dive dog doll dome donor dot dough dove dozen draft draw dream dress drift drink
drive drop drum dry duet dune dusk dust dwell each eager eagle ear earn earth ease easel east eat echo edge
edit eight elbow elder elect elk ember empty emu end enter entry envoy equal era even event exact exam exit
extra eye fable face fade fairy faith fall fancy far farm fast fawn fence fern ferry fetch few field fifty
fig file film final finch find fine firm first fish fit fix flag flame flap flash flat fleet flint flip
flock floor flow fluid flute foam focus fog fold fond food foot forge fork fort forty forum found frame free
fresh frog front fruit fudge fuel full fun funny fur gain gale gap gate gauge gear gem gift give glad glade
glide globe glove glow glue goat gold golf good gorge gown grace grade grain grant grape graph grass great
green greet grid grill grip group grove grow guard guest guide gulf gull gym habit half ham hand harp hat
hatch haven hay hazel head heap heart heavy hedge help hen herd hero heron hill hinge hippo hive hobby hold
home honey hood hoof hook hop hope horn host hotel house hover hub hug humor hurry ice icon idea image inch
index ink inn input iris iron item ivy jade jam jar jeans jelly jewel job jog joke jolly joy judge july
jumbo jump june jury kale kayak keel keen kelp key kick kid kilt king kiosk kit kite kiwi knit knob knock
know lab label lace lady lake lamp land lane lap lark laser last late latte lava lawn layer lead learn lease
ledge left leg lens less level lever life lift light lilac lily line linen link lion lip liter live llama
load lobby local lock lodge loft logic long look loop loud love loyal luck lucky lunch lung lure lynx magic
maid major make mango map maple march mark mask mason mast match maze medal media melon menu merry mesh
metal meter mile mill mimic mind mine mint mix model money monk moon moral moss motel moth mound mouse mouth
move much mule music must myth name navy near neat need nerve nest net never news nice niece nine noise noon
north nose note nurse nut nylon oak oasis oboe ocean offer often okay old olive omega onion onyx opal open
opera order organ otter ounce oval owl own ozone pace pad page paint palm panda pansy paper park part pass
pasta patch path patio pea peach peak pearl pedal perch pet phase phone piano pick pie pile pilot pink pint
pipe pitch place plaid plan plank plant play plaza plot plow plus poem poet point polar polo pond pony pool
porch port pose post pot power press price pride print prism prize proof proud pull pulp pulse pump punch
puppy pure purse push queen quest quick quiet quill quiz quota quote race radar radio raft rail raise ramp
ranch range rapid raven ray reach ready real relax relay rent reply rhyme rice rich ride ridge ripe rise
river roast robe robot rock rodeo roof rope rose rotor rough round royal ruby rug rule rural rush rye safe
saga salad salt same sand sauce save scale scarf score seal seat seed seek set seven shade shape share sharp
sheep sheet shelf shift shine ship shirt shop short show side sift sign sing sink siren site size skate ski
skill skin sky slate sled sleep slide slope slow small smart snack snail snow soap soda sofa soft soil solar
solid solo solve song sort sound soup south soy spark speak spell spice spin sport spot spray squid stage
stamp stand star start stay steam stem step stick still stock stone stool store stork storm story straw
study style sugar suit surf swan sweet swift swing syrup table talk tall tank tape task taste taxi team
tempo tent term thank theme thick thing think three throw thumb tidy tiger tile time tiny tip toast today
token tonic tooth top topaz topic torch touch tour towel tower toy track trade trail train treat tree trek
trend trick trim trio trip trout true trunk trust truth try tube tulip tuna turbo tutor twig twin twist type
uncle under union unit upper urban urge use usual value valve van vapor vault venue verb verse very video
view villa vine visit vital vivid voice vote wagon walk wall waltz want wash watch water wave way wear web
wedge weigh whale wheat wheel when white wide wild win wind wing wire wise wish wool word work world worth
wrist yacht yard yarn yeast yes yoga young yoyo zero zesty zinc zone
"""

WORDS = tuple(_WORDS.split())
"""1024 of them: each that is drawn is worth ten bits."""
