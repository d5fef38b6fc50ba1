// The texts of the page, in the language chosen. The table comes from genart/ui/words.

const LANGUAGES = ["en", "zh-Hans"];
const GRADIO_SLIDERS = ["psi", "cutoff", "strength"];

export class Words {
  constructor(table) {
    this.table = table;
    const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem("genart.language") ?? navigator.language;
    this.language = Number(asked.toLowerCase().startsWith("zh"));
  }

  toggle() {
    this.language = 1 - this.language;
    localStorage.setItem("genart.language", LANGUAGES[this.language]);
  }

  has(key) {
    return key in this.table;
  }

  word(key, values = {}, language = this.language) {
    const text = this.table[key]?.[language] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  // A text in every language, so that it can change with the page.
  every(key, values) {
    return LANGUAGES.map((_, language) => this.word(key, values, language));
  }

  // Elements carry their key: data-word for the text, data-word-title, -label and -placeholder beside it.
  translate(root) {
    for (const node of root.querySelectorAll("[data-word], [data-word-title], [data-word-label], [data-word-placeholder]")) {
      const { word, wordTitle, wordLabel, wordPlaceholder, wordValues } = node.dataset;
      const values = wordValues ? JSON.parse(wordValues) : {};
      if (word) node.textContent = this.word(word, values);
      if (wordPlaceholder) node.placeholder = this.word(wordPlaceholder, values);
      if (wordTitle) node.title = this.word(wordTitle, values);
      if (wordLabel) node.setAttribute("aria-label", this.word(wordLabel, values));
    }
  }

  // The whole page, with the parts that Gradio draws.
  translatePage() {
    document.documentElement.lang = LANGUAGES[this.language];
    this.translate(document);
    for (const name of GRADIO_SLIDERS) {
      const title = document.querySelector(`#${name} [data-testid="block-info"]`);
      setText(title, this.word(`${name}.label`));
      setText(title?.nextElementSibling, this.word(`${name}.info`));
      for (const input of document.querySelectorAll(`#${name} input`)) input.setAttribute("aria-label", this.word(`${name}.label`));
      document.querySelector(`#${name} [data-testid="reset-button"]`)?.setAttribute("aria-label", this.word("slider.reset"));
    }
    for (const tab of document.querySelectorAll('[role="tab"]')) {
      const key = `tab.${tab.id.replace("-button", "")}`;
      if (this.table[key]) setText(tab, this.word(key));
    }
  }
}

// Svelte holds on to its text nodes: change what they say, not the nodes.
function setText(node, text) {
  const leaf = [...(node?.childNodes ?? [])].find((child) => child.nodeType === Node.TEXT_NODE && child.nodeValue.trim());
  if (leaf) leaf.nodeValue = text;
}
