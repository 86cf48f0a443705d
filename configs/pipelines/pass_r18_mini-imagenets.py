protocol = "unsupervised protocol: from scratch"
data_root = "data/mini_imagenets"
num_clusters = 9
warm_start = None
pretrain = "../pass/pass-pretrain_r18_1xb64-40e_mini-imagenets.py"
pixel_attention = "../pass/pass-pixel-attention_r18_1xb32-10e_mini-imagenets.py"
finetune = "../pass/pass-finetune_r18_1xb32-10e_mini-imagenets.py"
controls = ["untrained", "raw_color"]
panel = dict(num_images=8)
