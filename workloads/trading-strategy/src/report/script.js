for (const chart of document.querySelectorAll(".chart")) {
  const data = JSON.parse(chart.querySelector(".data").textContent);
  const svg = chart.querySelector("svg"), tip = chart.querySelector(".tip");
  const cross = svg.querySelector(".cross"), dots = svg.querySelectorAll(".dot"), area = svg.querySelector(".catch");
  const move = (event) => {
    if (!data.x.length) return;
    const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    let low = 0, high = data.x.length - 1;
    while (high - low > 1) { const middle = (low + high) >> 1; if (data.x[middle] < at) low = middle; else high = middle; }
    const index = at - data.x[low] < data.x[high] - at ? low : high, x = data.x[index];
    cross.setAttribute("x1", x); cross.setAttribute("x2", x);
    tip.replaceChildren(Object.assign(document.createElement("b"), { textContent: data.date[index] }));
    data.lines.forEach((line, place) => {
      const y = line.y[index];
      dots[place].classList.toggle("shown", y !== null);
      if (y !== null) { dots[place].setAttribute("cx", x); dots[place].setAttribute("cy", y); }
      tip.append(Object.assign(document.createElement("div"), { textContent: line.name + ": " + line.text[index] }));
    });
    chart.classList.add("live"); tip.hidden = false;
    const left = x / svg.viewBox.baseVal.width * box.width;
    tip.style.left = (left > box.width / 2 ? left - tip.offsetWidth - 12 : left + 12) + "px";
  };
  area.addEventListener("pointermove", move);
  area.addEventListener("pointerdown", move);
  area.addEventListener("pointerleave", () => { chart.classList.remove("live"); tip.hidden = true; });
}
