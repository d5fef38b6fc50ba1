"""The map: every text in English and Simplified Chinese."""

WORDS: dict[str, tuple[str, str]] = {
    "map.name": (
        "Map; arrows move over it, + and - zoom, Enter goes there, Space drops points of a walk that Enter then plays, H keeps what is seen",
        "地图；方向键移动，+ 与 - 缩放，回车前往；空格放下漫游的途经点，再按回车播放；H 收藏所见",
    ),
    "map.drop.first": ("A walk begins here; move on, and Space drops the next point", "漫游从这里开始；移动后按空格放下下一点"),
    "map.drop.more": (
        "{n} points; Enter plays the walk, Backspace takes the last one back",
        "{n} 个途经点；回车播放漫游，退格撤回上一点",
    ),
    "map.drop.full": ("A walk has {n} points at most; Enter plays it", "漫游最多 {n} 个点；按 Enter 播放"),
    "map.buttons": ("On the map", "地图操作"),
    "map.draw": ("Draw a walk", "画一条漫游路线"),
    "map.draw.tip": (
        "Draw a line on the map: it becomes a walk on the timeline and plays (P)",
        "在地图上画线：它会成为时间轴上的漫游并开始播放（P）",
    ),
    "map.draw.hint": ("Draw a line on the map; end where it began for a loop", "在地图上画一条线；首尾相接即成循环"),
    "map.draw.short": ("That line is too short for a walk", "这条线太短，无法成为漫游"),
    "map.in": ("Closer", "放大"),
    "map.in.tip": ("Closer (+, or the wheel)", "放大（+ 或滚轮）"),
    "map.out": ("Further away", "缩小"),
    "map.out.tip": ("Further away (-, or the wheel)", "缩小（- 或滚轮）"),
    "map.fit": ("The whole map", "整张地图"),
    "map.fit.tip": ("The whole map (0 on the map)", "显示整张地图（在地图上按 0）"),
    "map.progress": ("How far the map is", "地图绘制进度"),
    "map.phase.wait": ("Waiting for the map …", "正在等待地图……"),
    "map.phase.draw": ("Drawing {done} of {count} pictures, {left} s left", "正在绘制第 {done} / {count} 幅画面，还需 {left} 秒"),
    "map.phase.lay": ("Laying alike beside alike, {left} s left", "正在把相似的画面排在一起，还需 {left} 秒"),
    "map.cancel": ("Cancel", "取消"),
    "map.cancelled": (
        "There is no map yet; drawing it takes a few seconds, once for each model.",
        "还没有地图；绘制需要一些时间，每个模型只需一次。",
    ),
    "map.again": ("Draw the map", "绘制地图"),
    "map.legend": ("Classes: choose one to see it alone", "类别：选择一个即可单独查看"),
    "map.at.points": ("Here: {points}", "此处：{points}"),
    "map.at.plane": ("Here: z1 = {x}, z2 = {y}", "此处：z1 = {x}，z2 = {y}"),
    "map.about.points": (
        "{n} seeds; what looks alike lies together. Point at the map for the picture there, click to go there, wheel or pinch to zoom. Pins are your favourites.",
        "{n} 个种子；相似的画面排在一起。指向地图即可看到该处的画面，点击前往，用滚轮或双指缩放。图钉是你的收藏。",
    ),
    "map.about.plane": (
        "The latent plane itself. Point at the map for the picture there, click to go there, wheel or pinch to zoom. Pins are your favourites.",
        "潜空间平面本身。指向地图即可看到该处的画面，点击前往，用滚轮或双指缩放。图钉是你的收藏。",
    ),
    "map.about.marks": (
        "The latent plane itself. Dots: where the encoder puts {n} pictures that it did not learn from. Point at the map for the picture there, click to go there, wheel or pinch to zoom. Pins are your favourites.",
        "潜空间平面本身。圆点：编码器把 {n} 幅未参与训练的图片放在哪里。指向地图即可看到该处的画面，点击前往，用滚轮或双指缩放。图钉是你的收藏。",
    ),
}
