protocol = "free protocol: supervised ImageNet start"
data_root = "data/Flowers15"
num_clusters = 15
warm_start = "checkpoints/efficientnet-lite0_imagenet.pth"
pretrain = "../pass/pass-pretrain_efficientnet-lite0_1xb64-10e_flowers15.py"
pixel_attention = "../pass/pass-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py"
finetune = "../pass/pass-finetune_efficientnet-lite0_1xb32-6e_flowers15.py"
# The last epoch is scored by the test that follows, not also by fine-tuning itself.
overrides = dict(finetune=dict(train_cfg=dict(val_begin=7)))
controls = ["no_pretraining", "untrained", "raw_color"]
panel = dict(num_images=8)
