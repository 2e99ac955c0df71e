//! Which of the instructions that libraries choose by are there, as this process sees it: under callgrind, as callgrind shows it.

#[cfg(target_arch = "x86_64")]
pub fn detected() -> Vec<&'static str> {
    let all = [
        ("sse4.2", std::is_x86_feature_detected!("sse4.2")),
        ("pclmulqdq", std::is_x86_feature_detected!("pclmulqdq")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("bmi2", std::is_x86_feature_detected!("bmi2")),
    ];
    all.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

#[cfg(not(target_arch = "x86_64"))]
pub fn detected() -> Vec<&'static str> {
    vec![std::env::consts::ARCH]
}
