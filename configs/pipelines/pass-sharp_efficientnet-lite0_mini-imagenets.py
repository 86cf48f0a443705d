_base_ = "pass_efficientnet-lite0_mini-imagenets.py"
pixel_attention = "../pass-sharp/pass-sharp-pixel-attention_efficientnet-lite0_1xb24-1e_mini-imagenets.py"
finetune = "../pass-sharp/pass-sharp-finetune_efficientnet-lite0_1xb32-1e_mini-imagenets.py"
