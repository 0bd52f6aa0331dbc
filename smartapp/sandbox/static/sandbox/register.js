// Comfort only: shows the fields that the chosen kind of app and way to authenticate need.
(() => {
  const value = (name) => document.querySelector(`[name=${name}]`).value;
  const show = (name, wanted) => {
    const field = document.querySelector(`[data-field=${name}]`);
    if (field) field.hidden = !wanted;
  };

  const follow = () => {
    const service = value("kind") === "service";
    const keys = value("auth_method") === "private_key_jwt";
    for (const name of ["redirect_uris", "launch_url", "standalone_url", "post_logout_redirect_uris"]) {
      show(name, !service);
    }
    for (const name of ["jwks_url", "jwks"]) show(name, keys);
    show("new_secret", value("auth_method") === "client_secret_basic");
  };

  // A public app has no other way; any other app has this one never.
  const fit = () => {
    const method = document.querySelector("[name=auth_method]");
    if (value("kind") === "public") method.value = "none";
    else if (method.value === "none") method.value = "private_key_jwt";
  };

  // Two worlds have rules of their own; choosing other rules leaves them.
  const ownRules = ["strict", "bcp"];
  const agree = (chosen) => {
    const [world, rules] = ["world", "profile"].map((name) => document.querySelector(`[name=${name}]`));
    if (!ownRules.includes(world.value)) return;
    if (chosen === world) rules.value = world.value;
    else if (rules.value !== world.value) world.value = "production";
  };

  document.addEventListener("change", ({ target }) => {
    if (target.name === "kind") fit();
    if (["world", "profile"].includes(target.name)) agree(target);
    follow();
  });
  // The kind may have been chosen before this script was here.
  fit();
  follow();
})();
