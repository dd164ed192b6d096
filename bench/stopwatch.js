// Runs in the page before its own scripts: times the editor's input handlers and drawing from outside.
(() => {
  const watched = new Set(["pointerdown", "pointermove", "pointerup", "keydown"]);
  const add = EventTarget.prototype.addEventListener;
  const frame = window.requestAnimationFrame.bind(window);
  let handling = 0;
  let frames = [];

  EventTarget.prototype.addEventListener = function (type, listener, options) {
    if (!watched.has(type) || typeof listener !== "function")
      return add.call(this, type, listener, options);
    const timed = function (event) {
      const started = performance.now();
      try {
        return listener.call(this, event);
      } finally {
        handling += performance.now() - started;
      }
    };
    return add.call(this, type, timed, options);
  };

  // One entry for each frame that the editor drew: the time of its handlers since the last one,
  // and of everything it drew in this one.
  window.requestAnimationFrame = (draw) =>
    frame((at) => {
      const started = performance.now();
      draw(at);
      const spent = performance.now() - started;
      const last = frames.at(-1);
      if (last?.at === at) last.work += spent;
      else {
        frames.push({ at, work: handling + spent });
        handling = 0;
      }
    });

  const until = (holds) =>
    new Promise((resolve) => {
      const look = () =>
        window.roundtruth && holds(window.roundtruth.state())
          ? frame(() => resolve(performance.now()))
          : frame(look);
      look();
    });

  window.stopwatch = {
    start: () => {
      frames = [];
      handling = 0;
    },
    frames: () => frames,
    /** When the film of any case but `assignment` has been on the screen for a frame. */
    filmOfOther: (assignment) =>
      until(({ hasFilm, current }) => hasFilm && current && current.assignment !== assignment),
  };
  window.filmAt = until((room) => room.hasFilm);
})();
