// Comfort only: shows the fields that the chosen kind of app and way to authenticate need.
(() => {
  const value = (name) => document.querySelector(`[name=${name}]`).value;
  const show = (name, wanted) => {
    document.querySelector(`[data-field=${name}]`).hidden = !wanted;
  };

  const follow = () => {
    const service = value("kind") === "service";
    const keys = value("auth_method") === "private_key_jwt";
    for (const name of ["redirect_uris", "launch_url", "standalone_url", "post_logout_redirect_uris"]) {
      show(name, !service);
    }
    for (const name of ["jwks_url", "jwks"]) show(name, keys);
  };

  document.addEventListener("change", ({ target }) => {
    const method = document.querySelector("[name=auth_method]");
    if (target.name === "kind") {
      if (target.value === "public") method.value = "none";
      else if (method.value === "none") method.value = "private_key_jwt";
    }
    follow();
  });
  follow();
})();
