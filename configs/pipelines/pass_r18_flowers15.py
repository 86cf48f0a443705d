protocol = "unsupervised protocol: from scratch"
data_root = "data/Flowers15"
num_clusters = 15
warm_start = None
pretrain = "../pass/pass-pretrain_r18_1xb64-40e_flowers15.py"
pixel_attention = "../pass/pass-pixel-attention_r18_1xb32-10e_flowers15.py"
finetune = "../pass/pass-finetune_r18_1xb32-10e_flowers15.py"
# The last epoch is scored by the test that follows, not also by fine-tuning itself.
overrides = dict(finetune=dict(train_cfg=dict(val_begin=11)))
controls = ["untrained", "raw_color"]
panel = dict(num_images=8)
