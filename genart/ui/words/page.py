"""The page and its tabs: every text in English and Simplified Chinese."""

WORDS: dict[str, tuple[str, str]] = {
    "app.tagline": ("Move through the latent spaces of generative models", "在生成模型的潜空间里漫游"),
    "app.language": ("中文", "English"),
    "app.language.tip": ("Show the page in Chinese", "用英文显示页面"),
    "app.theme.tip": ("Light or dark", "浅色或深色"),
    "tab.explore": ("Explore", "探索"),
    "tab.models": ("Models", "模型"),
    "tab.about": ("About", "关于"),
    "tool.name": ("Tools", "工具"),
    "tool.steer": ("Steer", "调节"),
    "tool.steer.tip": ("Sliders for this picture (1)", "用滑块调节这幅画面（1）"),
    "tool.mix": ("Mix", "混合"),
    "tool.mix.tip": ("Several pictures in one (2)", "把几幅画面混合成一幅（2）"),
    "tool.keep": ("Keep", "收藏"),
    "tool.keep.tip": ("Favourites, every step as a tree, pictures side by side (5)", "收藏、全部步骤的树、画面对比（5）"),
    "tool.map": ("Map", "地图"),
    "tool.map.tip": (
        "The latent space from above: look around, go there, draw walks (4)",
        "从上方俯瞰潜空间：四处看看、前往某处、画出漫游路线",
    ),
    "tool.breed": ("Breed", "繁育"),
    "tool.breed.tip": (
        "Nine children of the pictures you choose, generation after generation (3)",
        "从选中的画面繁育出九个后代，一代接一代（3）",
    ),
    "about.heading": ("What this is", "这是什么"),
    "about.text": (
        "genart turns a recipe into a picture. A recipe is a model, a seed and a few numbers; every slider writes one, "
        "every saved picture carries one, and the same recipe gives the same picture again. Nothing you do here leaves this server.",
        "genart 把配方变成画面。配方就是一个模型、一个种子和几个数字：每个滑块都在写配方，每张保存的图片都带着配方，"
        "同一个配方总会得到同一幅画面。你在这里所做的一切都不会离开这台服务器。",
    ),
    "about.models": ("Models", "模型"),
    "about.column.model": ("Model", "模型"),
    "about.column.kind": ("Kind", "类型"),
    "about.column.data": ("Trained on", "训练数据"),
    "about.column.licence": ("Licence", "许可证"),
    "about.rights": ("Rights and honesty", "版权与标注"),
    "about.rights.text": (
        "Every saved picture and film says in its file that a trained model made it, which one, under which licence, and from which data. "
        "Keep these notes when you share it, and credit the data as the table says. Many sites strip notes; where people could take "
        "a picture for a photograph, say it beside the picture too, or save it with the visible label. "
        "Anybody can check a file: it opens here again, and python -m genart show FILE renders it once more and compares.",
        "每张保存的图片和每部影片都在文件中注明：它由训练得到的模型生成，是哪个模型、何种许可证、用了哪些数据。分享时请保留这些信息，并按上表注明数据来源。"
        "许多网站会去除这些信息；若画面可能被当成照片，请在旁边另行说明，或保存时加上可见标注。任何人都可以核对文件："
        "它能在这里重新打开，命令 genart show 会重新渲染并比较。",
    ),
    "about.credit.text": (
        "The label “AI-generated / AI 生成” says that nobody photographed or painted what is shown: a model drew it from numbers. "
        "In the file the same is said to machines, as the IPTC's digital source type trainedAlgorithmicMedia. "
        "A credit that says all: “Made with genart, model NAME (LICENCE), trained on DATA”, from the table's line. "
        "A model's licence is that of its weights and data; models opened from elsewhere keep the licence of their makers.",
        "可见标签“AI 生成”表示：画面并非拍摄或绘制，而是由模型根据数字生成。文件内以 IPTC 数字来源类型（由训练所得的算法生成）"
        "向机器说明同一件事。完整的署名可写作：“由 genart 制作，模型 名称（许可证），训练数据 来源”，内容见上表。"
        "表中的许可证针对模型的权重和数据；从别处打开的模型沿用其作者的许可证。",
    ),
}
