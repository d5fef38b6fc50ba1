"""Every error a visitor may see, in Simplified Chinese. It knows the sentences, not who raises them.

The core raises plain English sentences; here each is recognised by its fixed words, and what
stands between them is carried over.
"""

import re
from functools import cache

SENTENCES: dict[str, str] = {
    # genart/errors.py
    "There is no model named {0}; did you mean {1}?": "没有名为 {0} 的模型；是不是要找 {1}？",
    "There is no model named {0}; choose one of {1}.": "没有名为 {0} 的模型；请从这些模型中选择：{1}。",
    # genart/sound.py, genart/drive.py, genart/export/listen.py
    "A sound's rate {0} is out of range; use 1 to {1} a second.": "声音的速率 {0} 超出范围；请使用每秒 1 到 {1} 个值。",
    "The sound {0} inside the walk is damaged; choose the sound file again.": "漫游中的声音数据 {0} 已损坏；请重新选择声音文件。",
    "A sound's name {0} is no name; use at most 200 printable characters.": "声音的名称 {0} 不能用作名称；请使用至多 200 个可显示的字符。",
    "{0} is no sound; it has {1}.": "{0} 不是声音数据；它应包含 {1}。",
    "amounts {0} are no matrix; give a row, a column and a number each.": "amounts {0} 不是矩阵；每项请写出一行、一列和一个数。",
    "smoothing {0} is no list of a row and a number each.": "smoothing {0} 的写法不对；每项请写出一行和一个数。",
    "A cell of the sound's matrix is given twice; give each once.": "声音矩阵中有一格写了两次；每格只写一次。",
    "A sound moves at most 2 directions; this one moves {0}.": "声音最多带动 2 个方向，而这里有 {0} 个；请减少一些。",
    "{0} is no matrix of a sound; it has {1}.": "{0} 不是声音矩阵；它应包含 {1}。",
    "The sound {0} has {1} MB; use one of at most {2} MB.": "声音文件 {0} 有 {1} MB；请使用不超过 {2} MB 的文件。",
    "{0} is no sound file that genart reads; use WAV, MP3, Ogg, FLAC or M4A.": "{0} 不是 genart 能读取的声音文件；请使用 WAV、MP3、Ogg、FLAC 或 M4A。",
    "Decoding the sound {0} took more than {1} seconds; use a shorter one.": "解码声音 {0} 用时超过 {1} 秒；请使用较短的文件。",
    "The sound {0} lasts longer than {1} seconds; cut it, or use another.": "声音 {0} 超过 {1} 秒；请截短，或换一个。",
    "The sound {0} is damaged; save it again, as WAV or MP3.": "声音文件 {0} 已损坏；请重新保存为 WAV 或 MP3。",
    # genart/ui/share.py
    "{0} is no address of a page; load the page again.": "{0} 不是网页地址；请重新加载页面。",
    "This picture's link has {0} characters, too many for a QR code; share its PNG, or copy the link.": "这幅画面的链接有 {0} 个字符，二维码放不下；请分享 PNG，或复制链接。",
    "QR codes need the package segno; install it with: pip install segno": "二维码需要 segno 包；请安装：pip install segno。",
    # genart/recipe.py
    "{0} {1} is out of range; use a number from {2} to {3}.": "{0} {1} 超出范围；请使用 {2} 到 {3} 之间的数。",
    "{0} {1} is out of range; use a whole number from {2} to {3}.": "{0} {1} 超出范围；请使用 {2} 到 {3} 之间的整数。",
    "{0} {1} is no name; use 1 to 200 printable characters.": "{0} {1} 不能用作名称；请使用 1 到 200 个可显示的字符。",
    "layers {0} are no range; give the first layer and the one after the last.": "层 {0} 不是一个范围；请写出第一层，以及最后一层的下一层。",
    "spot {0} is no place; give x, y and a radius, in shares of the picture's side.": "spot {0} 不是一个位置；请写出 x、y 和半径，以画面边长的比例计。",
    "label {0} is no class mix; give pairs of a class and its share.": "类别 {0} 不是有效的混合；请成对写出类别及其占比。",
    "label {0} has no share above 0; raise the share of one class.": "类别 {0} 中没有大于 0 的占比；请调高其中一个类别的占比。",
    "Noise mode {0} is unknown; use const, random or none.": "没有 {0} 这种噪声模式；请使用 const、random 或 none。",
    "parameters {0} are no list of a name and a number each.": "参数 {0} 的写法不对；请写成列表，每项是一个名称和一个数。",
    "controls {0} are no list of a name, each once, and its number.": "控制项 {0} 的写法不对；请写成列表，每项是一个不重复的名称和它的数值。",
    "A recipe holds at most {0} {1}; this one has {2}.": "一个配方最多有 {0} 个{1}，而这个配方有 {2} 个；请减少一些。",
    "A recipe needs at least one anchor; this one has none.": "配方至少需要一个锚点，而这个配方一个也没有；请添加一个。",
    "The weights of a recipe's anchors must add up to more than 0.": "配方中各锚点的权重之和必须大于 0；请调高其中一个。",
    "weights {0} is no SHA-256; it has 64 hexadecimal digits.": "权重标识 {0} 不是 SHA-256；它应为 64 位十六进制数。",
    "A recipe has at most {0} characters; this one has {1}: use fewer stored latents.": "一个配方最多 {0} 个字符，而这个配方有 {1} 个；请减少其中保存的潜变量。",
    "A recipe has at most {0} characters; this one has {1}.": "一个配方最多 {0} 个字符，而这个配方有 {1} 个；请使用较短的配方。",
    "The recipe is nested too deeply; a recipe made here has at most {0} levels.": "配方的嵌套层级太深；这里生成的配方最多 {0} 层，请检查它的来源。",
    "The recipe is not valid JSON ({0}); copy it again, whole.": "配方不是有效的 JSON（{0}）；请重新完整复制一次。",
    "A recipe is a JSON object, not {0}.": "配方应为 JSON 对象，而不是 {0}；请重新复制一次。",
    "Recipe format {0} is unknown; this genart reads format {1}.": "无法识别配方格式 {0}；当前的 genart 只能读取格式 {1}。",
    "This recipe has format {0} and was made by a newer genart; this one reads format {1}: update genart to open it.": "这个配方的格式是 {0}，由更新版本的 genart 生成；当前版本只能读取格式 {1}，请更新 genart 后再打开。",
    "The link {0} is damaged; copy it again, whole.": "链接 {0} 已损坏；请重新完整复制一次。",
    "Recipes of two models, {0} and {1}, cannot be blended; choose one model.": "{0} 和 {1} 是两个不同的模型，它们的配方无法混合；请只用一个模型。",
    "The stored latent {0} is damaged; copy it again, whole.": "保存的潜变量 {0} 已损坏；请重新完整复制一次。",
    "The stored latent {0} is in no known space; it begins with z or w.": "无法识别潜变量 {0} 所在的空间；它应以 z 或 w 开头。",
    "The stored latent {0} holds a number that is not finite or beyond {1}.": "潜变量 {0} 中有的数不是有限数，或绝对值超过 {1}；请换一个潜变量。",
    "The vector of direction {0} is not in w; store it with pack_vector in w.": "方向 {0} 的向量不在 w 空间中；请用 pack_vector 以 w 保存。",
    "Seeds {0} cannot be read at {1}; write whole numbers such as 1,4,10-15.": "种子列表 {0} 中的 {1} 无法识别；请写整数，例如 1,4,10-15。",
    "Seeds {0} are more than 10000 pictures; ask for fewer at once.": "种子 {0} 超过 10000 幅画面；请减少一些，分次生成。",
    "Seeds {0} name no seed; write whole numbers such as 1,4,10-15.": "{0} 中没有任何种子；请写整数，例如 1,4,10-15。",
    "{0} is a JSON object, not {1}.": "{0}应为 JSON 对象，而不是 {1}；请检查配方。",
    "{0} has no field {1}; it has {2}.": "{0}没有名为 {1} 的字段；可用的字段有 {2}。",
    "{0} {1} is incomplete or of the wrong type ({2}).": "{0} {1} 不完整或类型不对（{2}）；请检查配方。",
    "The recipe's {0} is a list, not {1}.": "配方中的{0}应为列表，而不是 {1}；请检查配方。",
    "all_classes {0} is neither true nor false.": "all_classes {0} 既不是 true 也不是 false；请检查配方。",
    "mix {0} is unknown; use own, z, z-arc, w or w-arc.": "没有 {0} 这种混合方式；请使用 own、z、z-arc、w 或 w-arc。",
    # genart/ui/maps.py
    "{0} is at home between pictures it has read, and its seeds have no map; choose another model.": "{0} 的空间由它读入的图片张成，其种子没有地图；请换一个模型。",
    "The map is not finished; wait until it is.": "地图尚未完成；请稍候。",
    "{0} maps are waiting to be drawn already; wait a while.": "已有 {0} 张地图在等待绘制；请稍后再试。",
    "{0} maps in {1} minutes are as many as this server draws for one; wait a while.": "这台服务器每 {1} 分钟最多为每位访客绘制 {0} 张地图；请稍后再试。",
    # genart/directions
    "A direction is learnt from {0} to {1} pictures that have it and as many that have not; these are {2} and {3}.": "学习一个方向需要 {0} 到 {1} 幅具有该特征的画面和同样多没有该特征的画面；现在分别是 {2} 幅和 {3} 幅，请继续标记。",
    "The pictures that have it and those that have not are the same; mark different ones.": "标为“有”和“没有”的画面相同；请标记不同的画面。",
    "This file holds no direction; choose one that was exported here.": "这个文件中没有方向；请选择从这里导出的方向文件。",
    "The direction {0} belongs to other weights, of {1}, not to {2}; choose its own model.": "方向 {0} 属于 {1} 的另一份权重，而不是 {2}；请选择它所属的模型。",
    # genart/walk.py
    "A key's {0} seconds are out of range; use a number from 0.05 to {1}.": "关键帧时长 {0} 秒超出范围；请使用 0.05 到 {1} 之间的数。",
    "Easing {0} is unknown; use one of {1}.": "没有 {0} 这种缓动；请从这些中选择：{1}。",
    "Path {0} is unknown; use one of {1}.": "没有 {0} 这种路径；请从这些中选择：{1}。",
    "A walk has 1 to {0} keys; this one has {1}.": "一段漫游有 1 到 {0} 个关键帧，而这段有 {1} 个；请增减关键帧。",
    "A walk stays with one model; this one has {0} and {1}.": "一段漫游只能用一个模型，而这段用了 {0} 和 {1}；请只保留其中一个。",
    "loop and spline are true or false, not {0}.": "loop 和 spline 应为 true 或 false，而不是 {0}；请修改。",
    "wander {0} is out of range; use a number from 0 to 2.": "wander {0} 超出范围；请使用 0 到 2 之间的数。",
    "A walk lasts at most {0} seconds; this one lasts {1}.": "一段漫游最长 {0} 秒，而这段有 {1} 秒；请缩短一些。",
    "A walk has at most {0} characters; this one has {1}: use fewer stored latents.": "一段漫游最多 {0} 个字符，而这段有 {1} 个；请减少其中保存的潜变量。",
    "A walk has at most {0} characters; this one has {1}.": "一段漫游最多 {0} 个字符，而这段有 {1} 个；请缩短一些。",
    "The walk is not valid JSON ({0}); copy it again, whole.": "漫游不是有效的 JSON（{0}）；请重新完整复制一次。",
    "A walk is a JSON object, not {0}.": "漫游应为 JSON 对象，而不是 {0}；请重新复制一次。",
    "Walk format {0} is unknown; this genart reads format {1}.": "无法识别漫游格式 {0}；当前的 genart 只能读取格式 {1}。",
    "This walk has format {0} and was made by a newer genart; this one reads format {1}: update genart to open it.": "这段漫游的格式是 {0}，由更新版本的 genart 生成；当前版本只能读取格式 {1}，请更新 genart 后再打开。",
    "A walk's keys are a list, not {0}.": "漫游的关键帧应为列表，而不是 {0}；请检查。",
    "A key is a JSON object, not {0}.": "关键帧应为 JSON 对象，而不是 {0}；请检查。",
    "pace {0} is no re-timing; give 2 to {1} numbers that rise from 0 to 1.": "pace {0} 不是有效的重新计时；请给出 2 到 {1} 个从 0 升到 1 的数。",
    "pace {0} goes back in time; give numbers that rise from 0 to 1.": "pace {0} 的时间会倒退；请给出从 0 升到 1 的数。",
    "{0} has no directions to sweep along; choose another walk.": "{0} 没有可供往复的方向；请选择其他漫游。",
    "{0} has no classes to tour; choose another walk.": "{0} 没有类别可供巡游；请选择其他漫游。",
    "{0} has no layers to walk through; choose another walk.": "{0} 没有可逐层漫游的层；请选择其他漫游。",
    # genart/studio.py
    "This picture was not made from latent numbers alone; choose one that a seed or the sliders made.": "这幅画面并非只由潜变量生成；请选择由种子或滑块生成的画面。",
    "{0} has {1} classes; 1 to {2} can be shown at once.": "{0} 有 {1} 个类别；可同时显示 1 到 {2} 个。",
    "{0} is still being measured for this model; wait a moment.": "该模型的 {0} 仍在测量中；请稍候。",
    "{0} has too little memory for {1}; choose a smaller model or size.": "{0} 的内存不足以运行 {1}；请选择较小的模型或尺寸。",
    "The direction {0} has shape {1}; {2} takes {3}.": "方向 {0} 的形状是 {1}，而 {2} 需要 {3}；请换一个方向。",
    "A direction of {0} is learnt from pictures of {1}; one is of {2}.": "{0} 的方向要用 {1} 的画面来学习，而其中一幅属于 {2}；请换成同一模型的画面。",
    "{0} has no direction {1}; it has {2}.": "{0} 没有方向 {1}；可用的方向有 {2}。",
    "{0} cannot be painted, for its latent is no picture; leave out the spot.": "{0} 的潜变量不是图像，无法涂画；请去掉 spot。",
    "{0} reads no pictures; choose a model with an encoder.": "{0} 无法读入图片；请选择带编码器的模型。",
    "{0} has no control {1}; it has {2}.": "{0} 没有控制项 {1}；可用的有：{2}。",
    "Device {0} is not on this machine; use {1}.": "这台机器上没有设备 {0}；请使用 {1}。",
    "Device {0} is not on this machine; it has {1} of its kind, counted from 0.": "这台机器上没有设备 {0}；此类设备共有 {1} 个，从 0 开始编号，请改用其中一个。",
    "Device {0} cannot be read; write for example {1}.": "无法识别设备 {0}；请写成例如 {1}。",
    "The stored latent has shape {0} in {1}; {2} takes {3}.": "保存的潜变量在 {1} 空间的形状是 {0}，而 {2} 需要 {3}；请换一个潜变量或模型。",
    "layers {0} are out of range; {1} has layers 0 to {2}.": "层 {0} 超出范围；{1} 的层从 0 到 {2}。",
    "label {0} is out of range; {1} has no classes.": "类别 {0} 超出范围；{1} 没有类别，请去掉它。",
    "label {0} is out of range; {1} has classes 0 to {2}.": "类别 {0} 超出范围；{1} 的类别从 0 到 {2}。",
    "side {0} is out of range; use a whole number from 8 to {1}.": "边长 {0} 超出范围；请使用 8 到 {1} 的整数。",
    "{0} {1} is no list of at most {2} recipes; send fewer at once.": "{0} {1} 不是最多 {2} 个配方的列表；请一次少发一些。",
    "recipes {0} are no list of 1 to {1} recipes; send fewer at once.": "recipes {0} 不是含 1 到 {1} 个配方的列表；请一次少发一些。",
    "size {0} is out of range; use a number of pixels from 1 up.": "尺寸 {0} 超出范围；请使用至少 1 像素。",
    "The model {0} is not on this machine; fetch it in the tab Models.": "这台机器上没有模型 {0}；请在“模型”页中获取。",
    # genart/breed.py, genart/ui/breeding.py
    "{0} {1} is out of range; use a number from 0 to 1.": "{0} {1} 超出范围；请使用 0 到 1 之间的数。",
    "cross {0} is unknown; use {1}.": "没有 {0} 这种交叉方式；请使用 {1}。",
    "classes {0} is unknown; use {1}.": "没有 {0} 这种类别遗传方式；请使用 {1}。",
    "Settings are a JSON object, not {0}.": "设置应为 JSON 对象，而不是 {0}；请重新加载页面。",
    "Settings have no field {0}; they have {1}.": "设置中没有 {0} 这一项；可用的有 {1}。",
    "thumb {0} is none; use 1 for up, -1 for down, 0 beside them.": "thumb {0} 不是有效的评价；喜欢用 1，不喜欢用 -1，未评价用 0。",
    "round {0} is no whole number; count the rounds from 0.": "round {0} 不是整数；请从 0 开始数轮次。",
    "{0} parents have no children; choose 1 to {1}.": "{0} 个亲本无法繁育；请选择 1 到 {1} 个。",
    "{0} likes are too many; send the newest {1}.": "{0} 条评价太多；请只发送最新的 {1} 条。",
    "seed {0} is out of range; use a whole number from 0 to {1}.": "种子 {0} 超出范围；请使用 0 到 {1} 之间的整数。",
    "{0} and {1} are two models, whose pictures have no children; choose one model.": "{0} 和 {1} 是两个不同的模型，它们的画面无法繁育；请只用一个模型。",
    "A like is a JSON object, not {0}.": "评价应为 JSON 对象，而不是 {0}；请重新加载页面。",
    "{0} {1} are no list; send a list.": "{0} {1} 不是列表；请发送列表。",
    # genart/ui/shelf.py
    "This server shows the models that it has; run genart on your own machine to open others.": "这台服务器只展示已有的模型；如要打开其他模型，请在自己的电脑上运行 genart。",
    "The model {0} comes with genart and stays; delete models that were downloaded.": "模型 {0} 随 genart 提供，不能删除；只能删除下载的模型。",
    "The file {0} is no checkpoint; choose one that ends in {1}.": "文件 {0} 不是检查点；请选择以 {1} 结尾的文件。",
    "The file {0} has more than 2 GB; open it with the command line.": "文件 {0} 超过 2 GB；请用命令行打开。",
    "Of the file {0} less than {1} MB came in {2} seconds; send it on a faster network, or open it with the command line.": "文件 {0} 在 {2} 秒内传来不足 {1} MB；请换用更快的网络，或用命令行打开。",
    "The file {0} needs {1} MB and the disk has {2} MB free; make room, or open it with the command line.": "文件 {0} 需要 {1} MB，而磁盘只剩 {2} MB；请腾出空间，或用命令行打开。",
    # genart/finish
    "size {0} is out of range; use a number of pixels from 1 to {1}.": "尺寸 {0} 超出范围；请使用 1 到 {1} 像素。",
    "There is no finishing step named {0}; known are {1}.": "没有名为 {0} 的后期步骤；可用的有 {1}。",
    "colours {0} is out of range; use a number from 2 to {1}.": "颜色数 {0} 超出范围；请使用 2 到 {1} 之间的数。",
    "The finishing step {0} takes the parameter {1}; this recipe gives {2}.": "后期步骤 {0} 需要参数 {1}，而这个配方给出的是：{2}。",
    "times {0} is out of range; use {1}.": "倍数 {0} 不可用；请使用 {1}。",
    "A picture of {0} pixels grows beyond {1} by {2}; use fewer times.": "{0} 像素的画面放大 {2} 倍会超过 {1} 像素；请减小倍数。",
    "scale {0} is out of range; use a number from 1 to {1}.": "倍数 {0} 超出范围；请使用 1 到 {1} 之间的数。",
    # genart/export
    "The picture has {0} x {1} pixels; use one of at most {2} million.": "图片有 {0} × {1} 像素；请使用不超过 {2} 百万像素的图片。",
    "The file is no readable picture ({0}); use PNG, JPEG, WebP or GIF.": "无法将该文件作为图片读取（{0}）；请使用 PNG、JPEG、WebP 或 GIF。",
    "The picture was made with other weights of {0}; it cannot be remade exactly.": "这张图片由 {0} 的另一版权重生成，无法原样重现；请使用原来的权重。",
    "This file carries no genart recipe; it was saved by another program, or its notes were stripped.": "这个文件不含 genart 配方，可能由其他程序保存，或附带的信息已被去除；请换一个在这里保存的文件。",
    "A JPEG holds notes of 65000 bytes, and this recipe needs {0}; save as PNG or WebP.": "JPEG 最多可附带 65000 字节的信息，而这个配方需要 {0} 字节；请保存为 PNG 或 WebP。",
    "Films of this format need the package av; install it with: pip install av": "这种格式的影片需要 av 软件包；请运行 pip install av 安装。",
    "There is no film format {0}; known are {1}.": "没有 {0} 这种影片格式；可用的有 {1}。",
    "{0} frames a second are out of range for {1}; use 1 to {2}.": "{1} 的帧率 {0} 超出范围；请使用 1 到 {2}。",
    "A film of {0} pixels is out of range; use a whole number from 16 to {1}.": "影片尺寸 {0} 像素超出范围；请使用 16 到 {1} 之间的整数。",
    "Quality {0} is unknown; use {1}.": "没有 {0} 这种质量；请使用 {1}。",
    "label {0} is neither true nor false.": "label {0} 既不是 true 也不是 false；请修改。",
    "{0} is no film; it has {1}.": "{0} 不是影片设置；它的字段有 {1}。",
    "A film here lasts at most {0} seconds; this one lasts {1}.": "这里的影片最长 {0} 秒，而这部有 {1} 秒；请缩短一些。",
    "A film here is at most {0} pixels large; this one has {1}.": "这里的影片最大 {0} 像素，而这部为 {1} 像素；请选择较小的尺寸。",
    "A film here has at most {0} frames; this one has {1}: use fewer seconds or frames a second.": "这里的影片最多 {0} 帧，而这部有 {1} 帧；请缩短时长或降低帧率。",
    "{0} frames of {1} pixels make too large a sheet; use a smaller size or fewer frames a second.": "{0} 帧 {1} 像素的画面拼在一起太大了；请使用较小的尺寸或较低的帧率。",
    "The film may need {0} MB and the disk has {1} MB left; make room, or a smaller film.": "这部影片可能需要 {0} MB，而磁盘只剩 {1} MB；请腾出空间，或制作较小的影片。",
    "The sound needs {0} MB and the server's disk has {1} MB free; make room there, or use a smaller one.": "声音文件需要 {0} MB，而服务器的磁盘只剩 {1} MB；请在服务器上腾出空间，或使用较小的文件。",
    "The disk is full; make room, or a smaller film.": "磁盘已满；请腾出空间，或制作较小的影片。",
    "{0} carries no film; it cannot be compared.": "{0} 不含影片信息，无法比较；请换一个文件。",
    "The film was made with other weights of {0}; it cannot be remade.": "这部影片由 {0} 的另一版权重生成，无法重现；请使用原来的权重。",
    "{0} is set, but the library that signs is missing; pip install c2pa-python, or unset it.": "已设置 {0}，但缺少用于签名的软件包；请运行 pip install c2pa-python，或取消该设置。",
    "{0} or {1} names no readable file ({2}); name two PEM files.": "{0} 或 {1} 指向的文件无法读取（{2}）；请指定两个 PEM 文件。",
    "The file could not be signed ({0}); check that {1} and {2} belong together.": "无法为文件签名（{0}）；请检查 {1} 与 {2} 是否配对。",
    "This picture carries no genart recipe; it was saved by another program, or its notes were stripped.": "这张图片不含 genart 配方，可能由其他程序保存，或附带的信息已被去除；请换一张在这里保存的图片。",
    "The recipes in this contact sheet are damaged; open another copy of the file.": "这张拼图中的配方已损坏；请打开该文件的另一份副本。",
    "{0} pictures of {1} x {2} make too large a sheet; ask for fewer, or for a folder.": "{0} 张 {1} × {2} 的图片拼在一起太大了；请减少张数，或改为保存到文件夹。",
    "The file has {0} MB; a picture saved here has at most {1} MB.": "文件大小为 {0} MB，而在这里保存的图片不超过 {1} MB；请换一个文件。",
    "The file is not a readable PNG ({0}); drop a picture saved by genart.": "无法将该文件作为 PNG 读取（{0}）；请拖入由 genart 保存的图片。",
    "The kernels {0} lead to no picture of {1} pixels; write strides and paddings into its config.": "卷积核 {0} 无法得到边长为 {1} 像素的画面；请在配置中写明 strides 和 paddings。",
    "The strides and paddings {0} are not {1} whole numbers each; mend the config.": "strides 和 paddings {0} 不是每项 {1} 个整数；请修改配置。",
    "{0} has no noise, so none can be drawn; use const or none.": "{0} 没有噪声，无法随机生成；请使用 const 或 none。",
    # genart/families/stylegan2.py, size of rosinality's files
    "These {0} weights draw {1} pixels a side; at most {2} are read.": "这份 {0} 权重的画面边长为 {1} 像素；最多可读取 {2} 像素。",
    # genart/ui/live.py, genart/ui/messages.py
    "The picture could not be made; the server's log says why. Change something and try again.": "画面未能生成，原因已记入服务器日志；请调整后再试。",
    "There is no picture format {0}; use {1}.": "没有 {0} 这种图片格式；请使用 {1}。",
    "This page has expired; load it again.": "页面已过期；请重新加载。",
    "More than {0} requests a second came from this page; wait a moment.": "此页面每秒发出的请求超过了 {0} 个；请稍等片刻。",
    "seq {0} is no whole number; count requests from 1.": "请求序号 {0} 不是整数；请从 1 开始编号。",
    "There is no walk named {0}; known are {1}.": "没有名为 {0} 的漫游方式；可用的有 {1}。",
    "This file carries a picture's recipe but no walk; open it as a picture.": "这个文件含有画面的配方，但没有漫游；请作为图片打开。",
    "The film is not finished; wait until it is.": "影片尚未完成；请稍候。",
    "There is no film {0}; it was fetched, or waited for too long: render it again.": "没有影片 {0}，它已被取走或等待过久；请重新渲染。",
    "Sounds of others fill the room that this server has for them; try again in a few minutes.": "其他人的声音已占满本服务器为其预留的空间；请几分钟后再试。",
    "{0} sounds are waiting to be heard already; try again in a moment.": "已有 {0} 个声音在等待分析；请稍后再试。",
    "Your last film is still being rendered; wait for it or cancel it.": "上一部影片仍在渲染；请等待或取消它。",
    "{0} films in {1} minutes are as many as this server renders; wait a while.": "此服务器在 {1} 分钟内最多渲染 {0} 部影片；请稍后再试。",
    "There is no walk named {0}; write drift, or a whole walk as JSON.": "没有名为 {0} 的漫游方式；请写 drift，或完整的漫游 JSON。",
    "moment {0} is out of range; use a number from 0 to 1000000.": "时刻 {0} 超出范围；请使用 0 到 1000000 之间的数。",
    "{0} is no recipe; write model, seed, psi and label.": "{0} 不是配方；请写出 model、seed、psi 和 label。",
    "{0} is no recipe; write seed and label as whole numbers, psi as a number.": "{0} 不是配方；seed 和 label 请写整数，psi 请写数字。",
    "A request has at most {0} characters; this one has {1}.": "一次请求最多 {0} 个字符，而这次有 {1} 个；请使用较短的配方。",
    "The request {0} is not valid JSON; load the page again.": "请求 {0} 不是有效的 JSON；请重新加载页面。",
    "The request {0} is not a JSON object; load the page again.": "请求 {0} 不是 JSON 对象；请重新加载页面。",
    "{0} requests of this page are waiting already; wait a moment.": "此页面已有 {0} 个请求在等待；请稍等片刻。",
    "Too many large files arrive here at once; try again in a moment.": "同时到达的大文件过多；请稍后再试。",
    "This page sends too many large files at once; wait until the others have come.": "此页面同时发送的大文件过多；请等其他文件传完。",
    "The file took longer than {0} seconds to come; send a smaller one.": "文件传输用时超过 {0} 秒；请发送较小的文件。",
    "{0} films are waiting to be rendered already; wait a while.": "已有 {0} 部影片在等待渲染；请稍后再试。",
    "{0} sounds are waiting for their films already; wait a while.": "已有 {0} 个声音文件在等待各自的影片；请稍后再试。",
    "The file's name {0} cannot be kept; rename it, in few printable characters.": "文件名 {0} 无法保存；请改成由少量可显示字符组成的名称。",
    "The file is larger than {0} MB; choose a smaller one.": "文件超过了 {0} MB；请选择较小的文件。",
    # genart/weights
    "The direction {0} in {1} has shape {2}; this model takes {3}.": "{1} 中方向 {0} 的形状是 {2}，而这个模型需要 {3}；请换一个文件。",
    "The weights file {0} is missing; download it again or reinstall genart.": "找不到权重文件 {0}；请重新下载，或重新安装 genart。",
    "The weights file {0} is damaged or no safetensors file ({1}); download it again.": "权重文件 {0} 已损坏，或不是 safetensors 文件（{1}）；请重新下载。",
    "The weights file {0} is not the one recorded in the catalogue; fetch it again.": "权重文件 {0} 与模型目录中记录的不一致；请重新获取。",
    "The weights file {0} holds {1} tensors; a generator has 1 to {2}.": "权重文件 {0} 含有 {1} 个张量，而生成器应有 1 到 {2} 个；请换一个文件。",
    "The weights in {0} take {1} GiB of memory; use a model that takes at most {2} GiB.": "{0} 中的权重需要 {1} GiB 内存；请使用最多 {2} GiB 的模型。",
    "The weights file {0} has {1} GiB; use one of at most {2} GiB, of weights alone.": "权重文件 {0} 有 {1} GiB；请使用最多 {2} GiB、只含权重的文件。",
    "The weights in {0} belong to no family known here; known are {1}.": "{0} 中的权重不属于任何支持的模型家族；支持的有 {1}。",
    "The tensor {0} of shape {1} is no part of a picture; choose another file.": "形状为 {1} 的张量 {0} 不能作为画面的组成部分；请选择其他文件。",
    "The tensor {0} in {1} holds a number that is not finite; use another file.": "{1} 的张量 {0} 中有的数不是有限数；请换一个文件。",
    "The tensors in {0} do not fit together ({1}); choose another file.": "{0} 中的张量无法衔接（{1}）；请选择其他文件。",
    "The weights in {0} draw {1} pixels a side; a generator here draws 1 to {2}.": "{0} 中的权重生成边长 {1} 像素的画面，而这里只支持 1 到 {2} 像素；请选择其他文件。",
    "The tensor {0} in {1} has dtype {2}; use float weights.": "{1} 的张量 {0} 的类型是 {2}；请使用浮点权重。",
    "The weights in {0} read {1} numbers of z; a generator here reads at most {2}.": "{0} 中的权重要读取 {1} 个 z 数值，而这里最多支持 {2} 个；请选择其他文件。",
    "Drawing {0} takes more than {1} MB of memory; choose a smaller model.": "绘制 {0} 所需内存超过 {1} MB；请选择较小的模型。",
    "Drawing {0} takes more than {1} billion multiplications; choose a smaller model.": "绘制 {0} 需要超过 {1} 个十亿次乘法；请选择较小的模型。",
    "Drawing {0} takes more than {1} operations; choose a smaller model.": "绘制 {0} 需要超过 {1} 步运算；请选择较小的模型。",
    "{0} is a folder or a device; choose the file of a model.": "{0} 是文件夹或设备；请选择模型文件。",
    "The file {0} is empty; download it again.": "文件 {0} 是空的；请重新下载。",
    "The file {0} is {1}, left by a download that failed; download the weights themselves.": "文件 {0} 是{1}，是下载失败留下的；请重新下载权重文件本身。",
    "The file {0} is {1}; unpack it and use the checkpoint inside.": "文件 {0} 是{1}；请先解压，再使用其中的检查点文件。",
    "The file {0} is {1}; genart reads safetensors and PyTorch checkpoints, so look for one of those.": "文件 {0} 是{1}；genart 只读取 safetensors 和 PyTorch 检查点，请寻找这两种格式的文件。",
    "The file {0} is TorchScript, which is code; use the model's state_dict, saved with torch.save.": "文件 {0} 是 TorchScript，其中含有代码；请使用以 torch.save 保存的 state_dict。",
    "The file {0} needs the code {1} of TensorFlow's time; use the same model saved by PyTorch, a .pt or a .pkl of stylegan2-ada-pytorch.": (
        "文件 {0} 需要 TensorFlow 时代的代码 {1}；请改用同一模型由 PyTorch 保存的版本，即 .pt 文件或 stylegan2-ada-pytorch 的 .pkl 文件。"
    ),
    "The file {0} needs the code {1}, and genart reads weights alone; use this model's .safetensors file or a saved state_dict.": "打开文件 {0} 需要代码 {1}，而 genart 只读取权重；请使用该模型的 .safetensors 文件，或另存的 state_dict。",
    "The file {0} is damaged or of no known kind ({1}); download it again.": "文件 {0} 已损坏，或格式无法识别（{1}）；请重新下载。",
    "The archive {0} is not as torch.save writes it ({1}); download it again.": "压缩包 {0} 与 torch.save 写出的不同（{1}）；请重新下载。",
    "The pickle in {0} has more than {1} steps; use a file of weights alone.": "{0} 中的 pickle 超过 {1} 步；请使用只含权重的文件。",
    "The file {0} cannot be read as weights ({1}); download it again.": "无法将文件 {0} 作为权重读取（{1}）；请重新下载。",
    "The tensor {0} in {1} claims more numbers than the file has; use another file.": "{1} 的张量 {0} 声称的数比文件中的还多；请换一个文件。",
    "The tensors of {0} claim more numbers than the file has; use another file.": "{0} 的各张量声称的数比文件中的还多；请换一个文件。",
    "Reading {0} took more than the {1} s and {2} MB that its size allows; use another file.": "读取 {0} 超出了按其大小允许的 {1} 秒和 {2} MB；请换一个文件。",
    "The process that reads {0} did not start; run python -m genart doctor.": "读取 {0} 的进程未能启动；请运行 python -m genart doctor。",
    "A copy of {0} needs {1} MB and the disk has {2} MB free; make room, or set HF_HOME to a folder on a larger disk.": "{0} 的副本需要 {1} MB，而磁盘只剩 {2} MB；请腾出空间，或将 HF_HOME 设为更大磁盘上的文件夹。",
    "The cache has no place for a copy of {0} ({1}); set HF_HOME to a folder of yours.": "缓存中无法存放 {0} 的副本（{1}）；请将 HF_HOME 设为您自己的文件夹。",
    # genart/hub
    "{0} arrived damaged twice; try again later, or on another network.": "{0} 两次下载到的内容都已损坏；请稍后再试，或换一个网络。",
    "The Hub has another file under {0} than the one recorded, so it is not taken; choose another model, or update genart.": "Hub 上 {0} 的文件与记录的不同，因此没有采用；请选择其他模型，或更新 genart。",
    "The repository {0} holds these checkpoints: {1}; name one as {2}:FILE.": "仓库 {0} 中有这些检查点：{1}；请写成 {2}:文件名 来指定一个。",
    "The repository {0} has no file {1}; its checkpoints are {2}.": "仓库 {0} 中没有文件 {1}；其中的检查点有 {2}，请从中选择。",
    "The repository {0} holds {1}, and genart reads safetensors and PyTorch checkpoints; look for a repository that has one of those.": (
        "仓库 {0} 中只有 {1}，而 genart 读取 safetensors 和 PyTorch 检查点；请找一个含有这类文件的仓库。"
    ),
    "{0} is not on this machine and genart is offline; start it without --offline.": "这台机器上没有 {0}，而 genart 处于离线模式；请去掉 --offline 后重新启动。",
    "{0} needs {1} MB and the disk has {2} MB free; make room, or set HF_HOME to a folder on a larger disk.": "{0} 需要 {1} MB，而磁盘只剩 {2} MB；请腾出空间，或将 HF_HOME 设为更大磁盘上的文件夹。",
    "{0} comes at {1} kB a second, which is too slow; try again later, or on another network.": "{0} 的下载速度只有每秒 {1} kB，太慢了；请稍后再试，或换一个网络。",
    "The download of {0} was stopped; start it again when you like.": "{0} 的下载已停止；需要时可以重新开始。",
    "The Hugging Face Hub cannot be reached for {0}; check the network and try again.": "无法连接 Hugging Face Hub 来获取 {0}；请检查网络后重试。",
    "The Hugging Face Hub does not answer for {0}; try again later.": "获取 {0} 时 Hugging Face Hub 没有响应；请稍后再试。",
    "The Hugging Face Hub is out of order, so {0} cannot be fetched; try again later.": "Hugging Face Hub 出现故障，无法获取 {0}；请稍后再试。",
    "The Hugging Face Hub has had too many requests from here; wait some minutes, then fetch {0}.": "从这里发往 Hugging Face Hub 的请求过多；请等几分钟，再获取 {0}。",
    "The connection broke again and again while {0} was on its way; try again.": "下载 {0} 时连接一再中断；请重试。",
    "{0} came shorter or longer than announced; try again, or on another network.": "{0} 的大小与声明的不符；请重试，或换一个网络。",
    "Something other than the Hugging Face Hub answered for {0}, as networks do that ask for a login; log in with a browser and try again.": "应答 {0} 的不是 Hugging Face Hub，可能是需要登录的网络；请用浏览器登录网络后重试。",
    "{0} is given only to those who accept its terms; do so at {1}, set HF_TOKEN to a token of yours, and start genart again.": "{0} 只提供给接受其条款的人；请在 {1} 接受条款，将 HF_TOKEN 设为您的令牌，再重新启动 genart。",
    "The account of HF_TOKEN may not have {0} yet; ask for it at {1}.": "HF_TOKEN 对应的账号尚无权获取 {0}；请在 {1} 申请。",
    "The Hugging Face Hub does not give {0} to everybody; set HF_TOKEN to a token that may read it.": "Hugging Face Hub 不向所有人提供 {0}；请将 HF_TOKEN 设为有权读取它的令牌。",
    "There is no repository {0} on the Hugging Face Hub, or it is private; check the name, or set HF_TOKEN.": "Hugging Face Hub 上没有仓库 {0}，或它是私有的；请检查名称，或设置 HF_TOKEN。",
    "The repository {0} has no revision {1} any more; delete the model here, or name another revision.": "仓库 {0} 已没有版本 {1}；请在这里删除该模型，或指定其他版本。",
    "The repository {0} no longer has the file {1}; name another.": "仓库 {0} 已没有文件 {1}；请指定其他文件。",
    "The cache has no place for {0} ({1}); set HF_HOME to a folder of yours.": "缓存中无法存放 {0}（{1}）；请将 HF_HOME 设为您自己的文件夹。",
    "{0} could not be fetched, for a reason unknown here; run python -m genart doctor.": "未能获取 {0}，原因不明；请运行 python -m genart doctor。",
    # genart/families
    "These {0} weights lack the tensor {1}; fetch the whole file again.": "这份 {0} 权重缺少张量 {1}；请重新获取完整的文件。",
    "The tensor {0} of these {1} weights has shape {2}; fetch the whole file again.": "这份 {1} 权重中张量 {0} 的形状是 {2}，与模型不符；请重新获取完整的文件。",
    "The tensor {0} of these {1} weights has shape {2}, not {3}; use a file saved by the original code.": "这份 {1} 权重中张量 {0} 的形状是 {2}，而不是 {3}；请使用原版代码保存的文件。",
    "The tensor {0} is no part of {1}; use a file with the generator alone.": "张量 {0} 不属于 {1}；请使用只含生成器的文件。",
    "The tensor 'mapping.fc0.weight' of these {0} weights reads no z; use another file.": "这份 {0} 权重中的张量 'mapping.fc0.weight' 没有为 z 留出输入；请换一个文件。",
    "{0} {1} in the model's configuration is out of range; use a number from {2} to {3}.": (
        "模型配置中的 {0} {1} 超出范围；请使用 {2} 到 {3} 之间的数。"
    ),
    "The layers {0} of these {1} weights are not complete; fetch the whole file again.": (
        "这份 {1} 权重的各层 {0} 不完整；请重新获取完整的文件。"
    ),
    "The layers {0} of these {1} weights have no rates that double; choose another file.": (
        "这份 {1} 权重的各层 {0} 的采样率不是逐级加倍；请选择其他文件。"
    ),
    "The tensor {0} of these {1} weights has shape {2}, not ({3}); use a file saved by the original code.": (
        "这份 {1} 权重中张量 {0} 的形状是 {2}，而不是 ({3})；请使用原版代码保存的文件。"
    ),
    "The tensor 'generator.gen_z.weight' of these {0} weights has shape {1}, which opens no square of {2} channels; choose another file.": (
        "这份 {0} 权重中张量 'generator.gen_z.weight' 的形状是 {1}，无法展开成 {2} 个通道的正方形；请选择其他文件。"
    ),
    "The blocks {0} of these {1} weights do not double from 4 pixels; choose another file.": (
        "这份 {1} 权重的各层尺寸 {0} 不是从 4 像素起逐级加倍；请选择其他文件。"
    ),
    "conv_clamp {0} of these {1} weights is no limit; use a number above 0.": "这份 {1} 权重的 conv_clamp {0} 不是有效的上限；请使用大于 0 的数。",
    "The decoder's {0} values and {1} channels make no square picture; choose another file.": "解码器的 {0} 个值和 {1} 个通道无法组成正方形画面；请选择其他文件。",
    "The VAE has no place for the tensor {0}; is the file of another kind of model?": "VAE 中没有张量 {0} 的位置；请确认该文件是不是另一类模型。",
    "The layers of this VAE do not fit together ({0}); choose another file.": "这个 VAE 的各层无法衔接（{0}）；请选择其他文件。",
    "The 4-D weights {0} do not follow from one another; choose the generator of a DCGAN.": "四维权重 {0} 前后无法衔接；请选择 DCGAN 的生成器。",
    "Classes of {0} numbers leave nothing of {1} inputs to z; give fewer classes.": "类别占用 {0} 个数，{1} 个输入中没有剩给 z 的；请减少类别。",
    "The DCGAN has no layer for the tensors of {0}; is the file of another kind of model?": "DCGAN 中没有与 {0} 的张量对应的层；请确认该文件是不是另一类模型。",
    "The DCGAN's first layers for z and for the class do more than batch norm and ReLU; use one that does not.": "这个 DCGAN 中分别接收 z 和类别的第一层除批归一化和 ReLU 外还有其他运算；请使用没有这些运算的模型。",
    "The order of the layers {0} is lost, for the file lists them by the alphabet; use the .pt file of the same network.": "文件按字母顺序列出各层 {0}，它们的先后已经丢失；请使用同一网络的 .pt 文件。",
    "The DCGAN has no place for the tensor {0}; is the file of another kind of model?": "DCGAN 中没有张量 {0} 的位置；请确认该文件是不是另一类模型。",
    "These {0} weights draw {1} pixels, not {2}; fetch both files again.": "这份 {0} 权重的画面边长为 {1} 像素，与配置中的 {2} 不符；请重新获取权重和配置两个文件。",
    "{0} {1} of these {2} weights is not read; use one with {3}.": "这份 {2} 权重的 {0} 为 {1}，目前无法读取；请使用该项为 {3} 的权重。",
    "The tensor {0} is no part of {1}; use a file with the autoencoder alone.": "张量 {0} 不属于 {1}；请使用只含自编码器的文件。",
    "These {0} weights hold the encoder alone; choose the decoder's file, or both in one.": "这份 {0} 权重只含编码器；请选择解码器的文件，或同时包含两者的文件。",
    "These {0} weights lack the kernel of a layer that has {1}; fetch the file again.": "这份 {0} 权重中有一层只有 {1}，缺少卷积核；请重新获取该文件。",
    "Level {0} of these {1} weights has nothing that changes the size; use another file.": "{1} 权重的层级 {0} 中没有改变尺寸的卷积；请使用其他文件。",
    "The activation {0} of these {1} weights is unknown; known are {2}.": "无法识别 {1} 权重的激活函数 {0}；可用的有 {2}，请检查配置。",
    "The codebook of these {0} weights has shape {1}, not (count, channels); use another file.": "这份 {0} 权重的码本形状为 {1}，而不是（数量，通道数）；请换一个文件。",
    "The layers {0} do not lead from z to a square picture; choose a generator, or give image_size in its config.": "各层 {0} 无法从 z 得到正方形画面；请选择生成器，或在配置中写明 image_size。",
    "{0} {1} of these {2} weights is unknown; known are {3}.": "{2} 权重的 {0} {1} 无法识别；可用的有 {3}，请检查配置。",
}  # fmt: skip

# English words of ours that fill a place in a sentence.
NAMES: dict[str, str] = {
    "seed": "种子",
    "weight": "权重",
    "label": "类别",
    "label share": "类别占比",
    "direction": "方向",
    "sigma": "方向步长 sigma",
    "first layer": "起始层",
    "end layer": "结束层",
    "share": "占比",
    "spot x": "涂画位置 x",
    "spot y": "涂画位置 y",
    "spot radius": "涂画半径",
    "noise seed": "噪声种子",
    "noise strength": "噪声强度",
    "finishing step": "后期步骤",
    "parameter": "参数",
    "amount": "幅度",
    "smoothing": "平滑",
    "control": "控制项",
    "translate_x": "水平平移",
    "translate_y": "垂直平移",
    "rotate": "旋转角度",
    "model": "模型",
    "psi": "截断 psi",
    "psi cutoff": "截断层数",
    "anchors": "锚点",
    "offsets": "方向偏移",
    "layers": "层替换",
    "finish": "后期步骤",
    "Recipe": "配方",
    "Anchor": "锚点",
    "Offset": "方向偏移",
    "LayerSwap": "层替换",
    "Noise": "噪声",
    "Step": "后期步骤",
    "none": "无",
    "a picture": "图片",
    "a Keras file": " Keras 文件",
    "a TensorFlow model": " TensorFlow 模型",
    "a TensorFlow Lite model": " TensorFlow Lite 模型",
    "an ONNX model": " ONNX 模型",
    "a Flax file": " Flax 文件",
    "a NumPy array": " NumPy 数组",
    "an archive of NumPy arrays": " NumPy 数组的压缩包",
    "a GGUF model": " GGUF 模型",
    "a zip archive": " zip 压缩包",
    "a 7-Zip archive": " 7-Zip 压缩包",
    "a RAR archive": " RAR 压缩包",
    "a gzip archive": " gzip 压缩包",
    "a bzip2 archive": " bzip2 压缩包",
    "an xz archive": " xz 压缩包",
    "a Zstandard archive": " Zstandard 压缩包",
    "a tar archive": " tar 压缩包",
    "a git-LFS pointer": " git-LFS 指针文件",
    "a web page": "网页",
}

# A string as repr writes it, so that no word inside is taken for one of the sentence's own.
QUOTED = re.compile(r"'(?:\\.|[^'\\])*+'" r'|"(?:\\.|[^"\\])*+"')


def chinese(sentence: str) -> str:
    """The sentence in Chinese; as it is where the table does not have it."""
    for parts, text in _templates():
        values = _values(parts, sentence)
        if values is not None:
            return text.format(*(NAMES.get(value, value) for value in values))
    return sentence


@cache
def _templates() -> list[tuple[list[str], str]]:
    """Each template cut at its places, with its Chinese; the most literal first: "moment {0} is …" before "{0} {1} is …"."""
    cut = [(re.split(r"\{\d\}", english), text) for english, text in SENTENCES.items()]
    return sorted(cut, key=lambda template: len("".join(template[0])), reverse=True)


@cache
def _names() -> list[str]:
    return sorted(NAMES, key=len, reverse=True)  # "psi cutoff 99" is no "psi" of "cutoff 99"


def _values(parts: list[str], sentence: str) -> list[str] | None:
    """What stands between the parts of a template; None where the sentence is another.

    Visitors write much of some sentences, so what is found is never looked for again: the work grows with the length alone.
    """
    if not sentence.startswith(parts[0]) or not sentence.endswith(parts[-1]):
        return None
    values: list[str] = []
    at, last = len(parts[0]), len(sentence) - len(parts[-1])
    if len(parts) == 1:
        return values if at == len(sentence) else None
    for part in parts[1:-1]:
        end = _end(sentence, at, part)
        if end <= at:
            return None
        values.append(sentence[at:end])
        at = end + len(part)
    return [*values, sentence[at:last]] if at < last else None


def _end(sentence: str, at: int, part: str) -> int:
    """Where the value at a place ends that `part` follows: after one of our names or a string, else where `part` is next."""
    for name in _names():
        if sentence.startswith(name, at) and sentence.startswith(part, at + len(name)):
            return at + len(name)
    quoted = QUOTED.match(sentence, at)
    if quoted and sentence.startswith(part, quoted.end()):
        return quoted.end()
    return sentence.find(part, at + 1)
