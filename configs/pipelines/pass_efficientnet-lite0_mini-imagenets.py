protocol = "free protocol: supervised ImageNet start"
data_root = "data/mini_imagenets"
num_clusters = 9
warm_start = "checkpoints/efficientnet-lite0_imagenet.pth"
pretrain = "../pass/pass-pretrain_efficientnet-lite0_1xb32-1e_mini-imagenets.py"
pixel_attention = "../pass/pass-pixel-attention_efficientnet-lite0_1xb24-1e_mini-imagenets.py"
finetune = "../pass/pass-finetune_efficientnet-lite0_1xb32-1e_mini-imagenets.py"
# The only epoch is scored by the test that follows, not also by fine-tuning itself.
overrides = dict(finetune=dict(train_cfg=dict(val_begin=2)))
controls = ["no_pretraining", "untrained", "raw_color"]
panel = dict(num_images=8)
