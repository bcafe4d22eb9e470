"""What each magic's line may hold: one parser a magic, made when it is first needed."""

from __future__ import annotations

from functools import cache

from nbtune.magics.forms import PAGES
from nbtune.magics.lines import LineParser, recipe_options
from nbtune.records import COSTS, EXPLAINED_BY

NAME = "the run: a variable, a name, or name@version"


@cache
def finetune() -> LineParser:
    """Return the parser of ``%%finetune`` and ``%finetune``."""
    parser = LineParser(
        "%%finetune",
        "Fine-tune a model on labelled texts. The cell is the recipe, one 'setting: value' a\n"
        "line; without a cell, %finetune takes all from the line. The run becomes a variable.\n\n"
        "    %%finetune topics --data train_df\n"
        "    model: minilm\n"
        "    num_train_epochs: 2\n\n"
        "The same recipe and data again gives the run that is there, or goes on with it where\n"
        "it was interrupted. Interrupt pauses and saves.",
        usage="%%%%finetune NAME [options]",
    )
    parser.add_argument("name", nargs="?", help="what the run and its variable are called")
    _add_recipe(parser)
    parser.add_argument("--fresh", action="store_true", help="train even when this run is there")
    _add_background(parser)
    return parser


@cache
def estimate() -> LineParser:
    """Return the parser of ``%estimate`` and ``%%estimate``."""
    parser = LineParser(
        "%%estimate",
        "Reckon what a run would take: time, memory and disk by their parts, from a few of its\n"
        "own steps. Takes what %%finetune takes, and a name too, so that its cell is estimated\n"
        "by changing the first word. Leaves no run behind; a run of the same recipe and data\n"
        "says at its end how wrong this was.\n\n"
        "    %estimate --data train_df --model minilm --method lora",
        usage="%%%%estimate [NAME] [options]",
    )
    parser.add_argument("name", nargs="?", help="not needed: the name of a run to come")
    _add_recipe(parser)
    return parser


def _add_background(parser: LineParser) -> None:
    """Give a parser the switch for a process of its own; the parser is changed in place."""
    parser.add_argument(
        "--background",
        action="store_true",
        help="in a process of its own, which outlives this kernel: %%watch, %%stop",
    )


def _add_recipe(parser: LineParser) -> None:
    """Give a parser all that a recipe can be made of; the parser is changed in place."""
    parser.add_argument("--data", help="training rows: a variable, a file, topics, or a hub id")
    _add_held_out(parser)
    parser.add_argument("--recipe", metavar="FILE", help="a recipe file; the cell comes on top")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, over all else"
    )
    recipe_options(parser)


def _add_held_out(parser: LineParser) -> None:
    """Give a parser rows that are held out; the parser is changed in place."""
    parser.add_argument("--validation-data", help="rows looked at while training")
    parser.add_argument("--test-data", help="rows looked at once, at the end")


@cache
def evaluate() -> LineParser:
    """Return the parser of ``%evaluate``."""
    parser = LineParser(
        "%evaluate",
        "Score a run on rows it was not trained on, beside the baselines: scores with\n"
        "intervals, confusion matrix, ROC and precision-recall curves, the worst errors.\n\n"
        "    %evaluate topics\n"
        "    ev = %evaluate topics --data other_df --by source\n"
        "    %evaluate spam --threshold precision=0.95\n\n"
        "A threshold says from which probability on a label is given. It is chosen on the\n"
        "validation rows, stays with the run, and holds for %predict and for what is saved:\n"
        "precision=0.95 or recall=0.9 (at least), cost=5:1 (a false alarm costs 5, a miss 1),\n"
        "f1 (the most), 0.3, or default, which takes it back. Of two labels it is meant for the\n"
        "second, of several a text for each; ham:recall=0.99 names one.\n\n"
        "Labels alone are scored as well, without a run:\n\n"
        '    %evaluate --labels "sport, politics" --data labelled_df\n\n'
        "Would more labels help, and is the lead over the baseline more than luck with the seed?\n"
        "The recipe is trained on parts of the rows, or with other seeds; the time is said first,\n"
        "Interrupt keeps what is done, and the same line again goes on:\n\n"
        "    %evaluate topics --learning-curve\n"
        "    %evaluate topics --seeds 5",
    )
    parser.add_argument("run", nargs="?", help=NAME)
    parser.add_argument("--data", help="labelled rows: a variable, a file, or a hub id")
    parser.add_argument(
        "--split",
        choices=("test", "validation", "train"),
        help="rows of the run itself; by default test",
    )
    parser.add_argument(
        "--by",
        metavar="COLUMN",
        help="the share that is right, or what rows score, by a column of the data, or length",
    )
    parser.add_argument(
        "--threshold",
        action="append",
        metavar="[LABEL:]RULE",
        help="precision=0.95, recall=0.9, cost=5:1, f1, 0.3 or default",
    )
    parser.add_argument(
        "--figures", metavar="FOLDER", help="write each picture there as SVG and PDF, for print"
    )
    _add_labels(parser)
    _add_training_again(parser)
    return parser


def _add_training_again(parser: LineParser) -> None:
    """Give a parser what trains the recipe of a run again; the parser is changed in place."""
    group = parser.add_argument_group("its recipe: trained again beside the run, which takes time")
    group.add_argument(
        "--learning-curve",
        action="store_true",
        help="on 10, 25 and 50 %% of the rows: what would more labels bring?",
    )
    group.add_argument("--shares", metavar="LIST", help="other shares in %%, such as 20,40,60,80")
    group.add_argument("--draws", type=int, metavar="N", help="draws of each share [2]")
    group.add_argument("--more", type=int, metavar="N", help="foretell so many more rows [1000]")
    group.add_argument("--seeds", type=int, metavar="N", help="with N seeds: how far scores move")


def _add_labels(parser: LineParser) -> None:
    """Give a parser labels to choose from without a run; the parser is changed in place."""
    group = parser.add_argument_group("without a run: labels that are told by their names")
    group.add_argument(
        "--labels",
        metavar="NAMES",
        help="commas between them, or $names: a list or {name: meaning}",
    )
    group.add_argument(
        "--model", metavar="NAME", help="a sentence encoder or a model of entailment [minilm]"
    )
    group.add_argument(
        "--template", metavar="TEXT", help="where names stand, such as 'This text is about {}.'"
    )


@cache
def review() -> LineParser:
    """Return the parser of ``%review``."""
    parser = LineParser(
        "%review",
        "Look through rows of a run, labels in doubt first: click on a cell of the confusion\n"
        "matrix, sort, search, and relabel rows, mark them as ambiguous or delete them. What is\n"
        "done is written into the run's folder at once; 'Train on' gives the cell that goes on\n"
        "from the weights of the run on the corrected rows.\n\n"
        "    %review topics\n"
        "    found = %review topics --split train",
    )
    parser.add_argument("run", help=NAME)
    parser.add_argument(
        "--split",
        choices=("test", "validation", "train"),
        help="rows of the run; by default test",
    )
    return parser


@cache
def data() -> LineParser:
    """Return the parser of ``%data``."""
    parser = LineParser(
        "%data",
        "Look at rows before anything is trained: columns, balance, lengths, copies,\n"
        "leaks between splits, contradicting labels, damage, personal data; each finding with\n"
        "a line that mends it.\n\n"
        "    %data train_df --test-data test_df\n"
        "    report = %data reviews.csv --text review --label stars\n"
        "    %data pairs_df --task translation",
    )
    parser.add_argument("data", help="the rows: a variable, a file, topics, or a hub id")
    _add_held_out(parser)
    parser.add_argument("--text", metavar="COLUMN", help="column of the text; empty infers it")
    parser.add_argument("--label", metavar="COLUMN", help="column of the label; empty infers it")
    parser.add_argument("--task", help="what the rows are for; empty goes by their columns")
    parser.add_argument("--model", metavar="NAME", help="whose tokenizer counts the tokens")
    parser.add_argument("--max-length", type=int, metavar="N", help="longest text in tokens [256]")
    parser.add_argument("--no-tokens", action="store_true", help="leave lengths in tokens out")
    return parser


@cache
def compare() -> LineParser:
    """Return the parser of ``%compare``."""
    parser = LineParser(
        "%compare",
        "Compare runs on the same rows: the settings that differ, scores with intervals, time,\n"
        "memory and size, loss curves, quality against cost, and who is shown to be better.\n"
        "Runs that differ in their seed only count as one, with their spread.\n\n"
        "    %compare topics@1 topics@2 lora_topics\n"
        "    %compare topics lora_topics --data held_out_df --cost memory_bytes",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help=NAME)
    parser.add_argument("--data", help="labelled rows that no run has seen; by default test rows")
    parser.add_argument(
        "--metric", metavar="SCORE", help="the score that decides; by default the task's main one"
    )
    parser.add_argument(
        "--cost", choices=tuple(COSTS), default="seconds", help="what it is weighed against"
    )
    return parser


@cache
def predict() -> LineParser:
    """Return the parser of ``%%predict`` and ``%predict``."""
    parser = LineParser(
        "%%predict",
        "Ask a run about texts: those on the line, those of the cell (one a line; lines of\n"
        "--- part texts of several lines), or those of a data frame or file.\n\n"
        '    %predict topics "a small furry animal" "a city in France"\n'
        "    %predict topics new_df\n"
        "    labelled = %predict topics --data new_df --text review\n"
        '    %predict --labels "sport, politics" "The minister resigned."    (asks no run)',
    )
    parser.add_argument("run", nargs="?", help=NAME)
    parser.add_argument(
        "texts", nargs="*", metavar="TEXT", help="a text, in quotes; or a variable, a file of rows"
    )
    parser.add_argument("--data", help="rows with texts: a variable or a file")
    parser.add_argument("--text", metavar="COLUMN", help="their column of texts")
    parser.add_argument("--top-k", type=int, metavar="N", help="the N best answers to each")
    parser.add_argument("--max-new-tokens", type=int, metavar="N", help="write so far at most")
    parser.add_argument("--temperature", type=float, metavar="T", help="0: the likeliest [1]")
    parser.add_argument("--top-p", type=float, metavar="P", help="draw among the likeliest [1]")
    parser.add_argument("--num-beams", type=int, metavar="N", help="the best of N texts")
    parser.add_argument("--seed", type=int, metavar="N", help="of what is drawn [42]")
    _add_labels(parser)
    return parser


@cache
def explain() -> LineParser:
    """Return the parser of ``%explain`` and ``%%explain``."""
    parser = LineParser(
        "%%explain",
        "Say which words speak for what a run predicts, and which against it: each text with its\n"
        "words shaded, whether what they do comes to what they change, and what is left of the\n"
        "prediction when the most important words are blanked out.\n\n"
        '    %explain topics "a small furry animal"\n'
        "    %explain topics --row 17 --label plant\n"
        "    words = %explain topics --data new_df --method gradient-x-input\n\n"
        "Without a run the newest one is asked. integrated-gradients is the one to trust;\n"
        "gradient-x-input is faster and rougher; attention-rollout says what the head reads,\n"
        "whatever it makes of it.",
    )
    parser.add_argument("run", nargs="?", help=NAME)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a text, in quotes")
    parser.add_argument("--data", help="rows with texts: a variable or a file")
    parser.add_argument("--text", metavar="COLUMN", help="their column of texts")
    parser.add_argument(
        "--row", type=int, action="append", metavar="N", help="a row of the run, as in the data"
    )
    parser.add_argument(
        "--split",
        choices=("test", "validation", "train"),
        help="where that row is; by default test",
    )
    parser.add_argument(
        "--label", help="explain this label, type of span or piece of the context instead"
    )
    parser.add_argument(
        "--method", choices=EXPLAINED_BY, default=EXPLAINED_BY[0], help=f"how [{EXPLAINED_BY[0]}]"
    )
    return parser


@cache
def attention() -> LineParser:
    """Return the parser of ``%attention``."""
    parser = LineParser(
        "%attention",
        "Show self-attention on a text of yours: scores, softmax and weighted sum of one head\n"
        "with their numbers, which tokens it looks at, and all layers by all heads.\n\n"
        '    %attention topics "the animal did not cross the street"\n'
        '    %attention topics "the animal did not cross" --layer 2 --head 5 --token animal\n'
        '    %attention --model minilm "a model that nobody trained here"\n\n'
        "Without a run, or --model, the newest run is asked.",
    )
    parser.add_argument("run", nargs="?", help=NAME)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a text, in quotes; two of a pair")
    parser.add_argument(
        "--model", metavar="NAME", help="a model instead of a run: minilm, a folder"
    )
    parser.add_argument("--layer", type=int, metavar="N", help="counted from 1, the lowest")
    parser.add_argument("--head", type=int, metavar="N", help="counted from 1")
    parser.add_argument("--token", metavar="WORD", help="whose three steps are shown")
    return parser


@cache
def runs() -> LineParser:
    """Return the parser of ``%runs``."""
    parser = LineParser(
        "%runs",
        "Show the runs of this folder, oldest first, or put them in order.\n\n"
        "    %runs spam* --sort f1_macro\n"
        "    %runs spam@2 --tag best --note 'with the new labels'\n"
        "    %runs spam@1 --delete      (%runs spam@1 --restore brings it back)",
    )
    parser.add_argument("pattern", nargs="?", help="names of runs, such as spam*; by default all")
    parser.add_argument("--sort", metavar="COLUMN", help="a column of the table")
    parser.add_argument("--rename", metavar="NAME", help="give the run another name")
    parser.add_argument(
        "--note", metavar="TEXT", help="write a note beside the run; '' takes it off"
    )
    parser.add_argument(
        "--tag", action="append", metavar="TAG", help="tags, in place of those it had"
    )
    parser.add_argument("--delete", action="store_true", help="put runs away")
    parser.add_argument("--restore", action="store_true", help="bring deleted runs back")
    parser.add_argument("--purge", action="store_true", help="remove deleted runs for good")
    parser.add_argument(
        "--free", action="store_true", help="remove the checkpoints of finished runs"
    )
    return parser


@cache
def resume() -> LineParser:
    """Return the parser of ``%resume``."""
    parser = LineParser(
        "%resume",
        "Go on with a run from its last checkpoint, as if it had never stopped; or with one that\n"
        "waits in a pause, where it waits.\n\n"
        "    %resume topics\n"
        "    %resume topics --epochs +1",
    )
    parser.add_argument("run", help=NAME)
    parser.add_argument("--epochs", metavar="N", help="train to N epochs, or +N more than before")
    _add_background(parser)
    return parser


@cache
def watch() -> LineParser:
    """Return the parser of ``%watch``."""
    parser = LineParser(
        "%watch",
        "Show a run that trains in the background, in this kernel or in another one, live, with\n"
        "the buttons that steer it. A run that has ended is shown as it ended.\n\n"
        "    %watch topics",
    )
    parser.add_argument("run", help=NAME)
    parser.add_argument("--wait", action="store_true", help="until the run has ended")
    return parser


@cache
def stop() -> LineParser:
    """Return the parser of ``%stop``."""
    parser = LineParser(
        "%stop",
        "End a run that trains in the background or in another kernel: after its step, saved and\n"
        "with its best weights kept. %resume goes on with it.\n\n"
        "    %stop topics",
    )
    parser.add_argument("run", help=NAME)
    return parser


@cache
def pause() -> LineParser:
    """Return the parser of ``%pause``."""
    parser = LineParser(
        "%pause",
        "Have a run that trains in the background or in another kernel save after its step and\n"
        "wait there. %resume lets it go on.\n\n"
        "    %pause topics",
    )
    parser.add_argument("run", help=NAME)
    return parser


@cache
def nbtune() -> LineParser:
    """Return the parser of ``%nbtune``."""
    parser = LineParser(
        "%nbtune",
        "panel     forms that write a recipe, and a box to try a run; %nbtune panel predict\n"
        "cell      becomes the cell that the form has written\n"
        "lr_find   a learning rate that suits data, model and method; %nbtune lr_find --help\n"
        "doctor    what this machine, this installation and this notebook can do\n"
        "methods   the methods of training, and what each one trains\n"
        "version   the version of nbtune",
    )
    parser.add_argument(
        "what",
        nargs="?",
        default="doctor",
        choices=("cell", "doctor", "lr_find", "methods", "panel", "version"),
    )
    parser.add_argument(
        "page", nargs="?", choices=PAGES, help="the page of the panel to begin with"
    )
    return parser


@cache
def lr_find() -> LineParser:
    """Return the parser of ``%nbtune lr_find`` and ``%%nbtune lr_find``."""
    parser = LineParser(
        "%nbtune lr_find",
        "Look for a learning rate: train some steps while the rate rises, see what the loss\n"
        "does, and suggest a line for the recipe. Takes what %%finetune takes, as the cell\n"
        "below %%nbtune lr_find or on the line; leaves no run behind.\n\n"
        "    %nbtune lr_find --data train_df --model minilm",
        usage="%%nbtune lr_find [options]",
    )
    parser.add_argument("what", choices=("lr_find",), metavar="lr_find", help="this search")
    parser.add_argument("--min-lr", type=float, metavar="N", help="first rate; usual / 100")
    parser.add_argument("--max-lr", type=float, metavar="N", help="last rate; usual * 10")
    parser.add_argument(
        "--num-training", type=int, default=100, metavar="N", help="steps, one a rate [100]"
    )
    _add_recipe(parser)
    return parser


PARSERS = {
    "finetune": finetune,
    "estimate": estimate,
    "evaluate": evaluate,
    "review": review,
    "compare": compare,
    "data": data,
    "predict": predict,
    "explain": explain,
    "attention": attention,
    "runs": runs,
    "resume": resume,
    "watch": watch,
    "stop": stop,
    "pause": pause,
    "nbtune": nbtune,
    "nbtune lr_find": lr_find,
}
"""The parsers by the name of the magic, with its first word where that has a parser of its own."""


def parser_of(magic: str, line: str) -> tuple[str, LineParser]:
    """Return the key and the parser for a line of a magic."""
    first = line.split(maxsplit=1)[:1]
    longer = " ".join([magic, *first])
    key = longer if longer in PARSERS else magic
    return key, PARSERS[key]()
