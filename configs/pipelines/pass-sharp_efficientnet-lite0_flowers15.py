_base_ = "pass_efficientnet-lite0_flowers15.py"
pixel_attention = "../pass-sharp/pass-sharp-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py"
finetune = "../pass-sharp/pass-sharp-finetune_efficientnet-lite0_1xb32-6e_flowers15.py"
rounds = 2
# Outlines come from the photos, so what only labels for the next round may see less sharply.
draft = dict(model=dict(backbone=dict(output_stride=32)))
