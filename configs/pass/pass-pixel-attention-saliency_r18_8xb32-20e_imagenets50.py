_base_ = "pass-pixel-attention_r18_8xb32-20e_imagenets50.py"
# One gray image a training image, 255 = salient, as train/CATEGORY/NAME.png; bring them from any saliency model.
default_hooks = dict(pseudo_labels=dict(threshold=0.5, saliency_root="data/ImageNetS50/train-saliency"))
