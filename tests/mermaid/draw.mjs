// Draws the Mermaid texts of texts.json as a page does, and writes drawn.json: what Mermaid's parser
// found in each, and what can be read in the picture. __main__.py installs what it needs.
import { readFileSync, writeFileSync } from 'node:fs';
import chromium from '@sparticuz/chromium';
import puppeteer from 'puppeteer-core';

const browser = await puppeteer.launch({
  args: chromium.args,
  executablePath: await chromium.executablePath(),
  headless: 'shell',
});
try {
  const page = await browser.newPage();
  await page.addScriptTag({ path: 'node_modules/mermaid/dist/mermaid.min.js' });
  const texts = JSON.parse(readFileSync('texts.json', 'utf8'));
  const drawn = await page.evaluate(async (texts) => {
    /** Return the ids, labels and classes of the boxes, and the number of arrows. */
    async function parsed(text) {
      await mermaid.parse(text);
      const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
      const vertices = db.getVertices();
      const boxes = vertices instanceof Map ? [...vertices.values()] : Object.values(vertices);
      const area = document.createElement('textarea');
      const decoded = (label) => {
        area.innerHTML = label.replace(/ﬂ°°/g, '&#').replace(/ﬂ°/g, '&').replace(/¶ß/g, ';');
        return area.value;
      };
      return {
        boxes: boxes.map(({ id, text, classes }) => [id, decoded(text), classes.join()]),
        arrows: db.getEdges().length,
      };
    }
    /** Return what can be read in each box of the picture, by id. */
    async function read(text) {
      const place = document.createElement('pre');
      place.textContent = text;
      document.body.replaceChildren(place);
      await mermaid.run({ nodes: [place] });
      const boxes = [...place.querySelectorAll('g.node')].map((box) => [
        /flowchart-(n\d+)-/.exec(box.id)[1],
        box.querySelector('foreignObject div').innerText,
      ]);
      return Object.fromEntries(boxes);
    }
    const answers = [];
    for (const text of texts) {
      try {
        answers.push({ ...(await parsed(text)), read: await read(text) });
      } catch (error) {
        answers.push({ error: String(error.message ?? error) });
      }
    }
    return answers;
  }, texts);
  writeFileSync('drawn.json', JSON.stringify(drawn));
} finally {
  await browser.close();
}
