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

  // Resolves one frame after `holds` is true; rejects after `limit` milliseconds, so that a bench
  // that waits for something that never comes fails instead of hanging.
  const until = (holds, limit = 60_000) =>
    new Promise((resolve, reject) => {
      const end = performance.now() + limit;
      const look = () => {
        if (window.roundtruth && holds(window.roundtruth.state()))
          frame(() => resolve(performance.now()));
        else if (performance.now() > end) reject(new Error(`not shown within ${limit} ms`));
        else frame(look);
      };
      look();
    });

  window.stopwatch = {
    start: () => {
      frames = [];
      handling = 0;
    },
    frames: () => frames,
    /** The time at which the film of another case than `assignment` has been shown for a frame. */
    filmOfOther: (assignment) =>
      until(({ hasFilm, current }) => hasFilm && current && current.assignment !== assignment),
  };
  window.filmAt = until((room) => room.hasFilm);
  window.filmAt.catch(() => undefined); // whoever awaits it gets the error; a page without a film has none
})();
