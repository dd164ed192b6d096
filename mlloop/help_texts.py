"""The help texts of `python -m mlloop`."""

from __future__ import annotations

DESCRIPTION = """\
Train ensembles on radiographs and infection masks, propose masks, measure them, and compare them
with the activation maps of a classifier. No server and no database is needed.

  train       train every network of a plan once per fold, without the patients of that fold
  propose     draw masks, probability maps and overlays for a folder of images
  evaluate    measure a trained run, or masks from elsewhere, against expert masks
  benchmark   do all three, with a Grad-CAM baseline, and print one table

  convert-weights   turn a checkpoint into initial weights for an encoder
  estimate          estimate what a plan costs on this machine, in time and memory
"""
EPILOG = """\
start here
  python -m mlloop benchmark --help
"""
DATA = """\
your data
  metadata.csv has a line for each image. Only the column `image` is needed:
    image,patient_id,group,source,infection_mask
    p01_day3.png,p01,covid,north,p01_day3.png
    c17.png,c17,normal,south,
  group is covid, normal or other. A normal image is a control: its mask is empty. An image without
  a patient_id is its own patient. Without a named mask, <image>.png or mask_<image>.png is used.
  Masks are 8-bit grey PNG of the image's size; a value above 0 is infection.
"""
AGAIN = """\
  You can stop this verb with Ctrl-C. To continue, start it with the same options. It uses the
  plan's thread count and seed, so the same data gives the same weights on the same machine.
"""
TRAIN = f"""\
Train every network of a plan once per fold, without the patients of that fold, and keep the
weights.

example
  python -m mlloop train --images films --masks masks --metadata films/metadata.csv \\
      --out run --plan cpu

what it writes
  run/run.json                       the plan, and the fold of each patient
  run/members/NETWORK-FOLD/          weights.safetensors, history.json, card.json (its patients)
  Look at history.json: `loss` should fall, `inner_dice` should rise.

{AGAIN}
{DATA}"""
PROPOSE = f"""\
Draw masks for images with the networks that `train` made. If a patient was in that run, its images
get their proposals from the networks that were trained without this patient. Any other image gets
the mean of all folds.

example
  python -m mlloop propose --run run --images new --metadata new/metadata.csv --out proposals

what it writes
  proposals/masks/IMAGE.png          the ensemble's mask, 8-bit grey PNG, 0 and 255
  proposals/overlays/IMAGE.png       the film under its map and mask: look at these first
  proposals/proposals/IMAGE/         each network's probability map (255 x p) and the disagreement
  proposals/index.csv                how each mask was made, and its share of the film

{DATA}"""
EVALUATE = f"""\
Compare masks with expert masks: the masks of a trained run (out-of-fold for its own patients), or
any folder of masks with the names of the images (--predictions).

examples
  python -m mlloop evaluate --run run --images test --masks test/masks \\
      --metadata test/metadata.csv --out measured
  python -m mlloop evaluate --predictions other/masks --images test --masks test/masks \\
      --metadata test/metadata.csv --out measured

what it writes
  measured/evaluation.md             the printed table
  measured/evaluation.json           every figure with its convention, n and 95 % interval

{DATA}"""
BENCHMARK = f"""\
Train, propose and measure, and do the same for Grad-CAM maps of a classifier with each encoder.
This compares networks that learned from masks with networks that learned from groups only, on the
same patients and folds, out-of-fold, with the same figures.

example
  python -m mlloop benchmark --images cxr --masks cxr --metadata cxr/metadata.csv --out run \\
      --plan cpu --networks unet-resnet10,unet-resnet18 --limit 300 --classifiers first

what it writes
  run/benchmark.md                   the printed table
  run/benchmark.json                 every figure with its convention, n and 95 % interval
  run/plate.png                      films, expert masks, networks, Grad-CAM: look at this first
  run/members/, run/proposals/, run/activation/   weights and maps; propose can use this run

{AGAIN}
{DATA}"""
CONVERT = """\
Turn a checkpoint (.pth of torch.save, or .safetensors) into initial weights for an encoder. No
code in the file is run. A file that holds anything except tensors and plain values is refused.

examples
  python -m mlloop convert-weights chexnet.pth chexnet.safetensors --encoder densenet121
  python -m mlloop convert-weights model.safetensors resnet10t.safetensors --encoder tu-resnet10t
  python -m mlloop convert-weights imagenet densenet121.safetensors --encoder densenet121

The last example downloads ImageNet weights. No other verb opens a connection: a plan that says
"imagenet" is refused, unless a server's operator allows it with the sha256 that is printed here.

then
  give "encoder_weights": "file:/where/it/is/chexnet.safetensors" for that network in the plan;
  a server reads weights from its folder of encoder weights only (ROUNDTRUTH_ENCODER_WEIGHTS)
"""
ESTIMATE = """\
Time a few steps and forward passes of each network of a plan on blank films, and estimate what a
round costs on this machine, in seconds and bytes.

example
  python -m mlloop estimate --manifest size.json --out cost

size.json is
  {"plan": {...}, "k": 5, "n_train": 1000, "n_propose": 500, "n_trained": 400}
  k folds, n_train images to train on, n_propose images to propose on, and how many of the
  n_propose images are also trained on (n_trained)

what it writes
  cost/estimate.json                 seconds of a member, of all training and proposing; bytes
"""
