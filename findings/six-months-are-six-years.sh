#!/usr/bin/env bash
# XML2DCM-ECG 1.1.10 (PyPI) makes DICOM files of the XML that GE's MUSE exports of an ECG. MUSE says a
# patient's age and its unit, PatientAge and AgeUnits, and DICOM's Age String ends with the letter of the
# unit: 006M are six months (PS3.5 §6.2, AS). The package does not read the unit and writes years: the heart
# rate of an infant is then that of a child at school. Whose sex is unknown is a woman. A channel's Filter
# Low Frequency is where its pass band begins, and Filter High Frequency where it ends (PS3.3 C.10.9): the
# two are exchanged.
# Seen: 6 MONTHS as 006Y, 12 DAYS as 012Y; UNKNOWN as F; low 150.0 and high 0.5 for 0.5 to 150 Hz.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet xml2dcm-ecg==1.1.10 pydicom==2.4.4 numpy==1.26.4
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import base64
import struct

from xml2dcm.main import XMLFile, create_waveform_sequence_item

SAMPLES = base64.b64encode(struct.pack("<4h", 0, 10, 20, 10)).decode()
LEAD = """<LeadData><LeadSampleCountTotal>4</LeadSampleCountTotal>
<LeadSampleSize>2</LeadSampleSize><LeadAmplitudeUnitsPerBit>4.88</LeadAmplitudeUnitsPerBit>
<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadOffsetFirstSample>0</LeadOffsetFirstSample>
<LeadID>{}</LeadID><WaveFormData>{}</WaveFormData></LeadData>"""
LEADS = "".join(LEAD.format(name, SAMPLES) for name in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"))


def convert(age, units, sex):
    waveforms = "".join(
        f"""<Waveform><WaveformType>{kind}</WaveformType><NumberofLeads>8</NumberofLeads>
<SampleBase>500</SampleBase><SampleExponent>0</SampleExponent><HighPassFilter>0.5</HighPassFilter>
<LowPassFilter>150</LowPassFilter>{LEADS}</Waveform>"""
        for kind in ("Median", "Rhythm")
    )
    with open("muse.xml", "w") as file:
        file.write(f"""<RestingECG><PatientDemographics><PatientID>1</PatientID>
<PatientAge>{age}</PatientAge><AgeUnits>{units}</AgeUnits><Gender>{sex}</Gender>
<PatientLastName>Doe</PatientLastName><PatientFirstName>Ann</PatientFirstName></PatientDemographics>
<TestDemographics><AcquisitionDate>01-31-2026</AcquisitionDate>
<AcquisitionTime>10:15:00</AcquisitionTime><EditDate>01-31-2026</EditDate>
<EditTime>10:20:00</EditTime></TestDemographics>
<RestingECGMeasurements><VentricularRate>120</VentricularRate></RestingECGMeasurements>
{waveforms}</RestingECG>""")
    return XMLFile("muse.xml", load_raw=True)


for given, expected in (
    (("45", "YEARS", "MALE"), ("045Y", "M")),
    (("6", "MONTHS", "FEMALE"), ("006Y", "F")),
    (("12", "DAYS", "UNKNOWN"), ("012Y", "F")),
):
    ecg = convert(*given)
    written = (ecg.attributes["PatientAge"], ecg.attributes["PatientSex"])
    print(*given, "->", *written)
    assert written == expected

item = create_waveform_sequence_item(ecg.waveform_sequence, ecg.lead_data, ecg.channel_definition_sequence)
channel = item.ChannelDefinitionSequence[0]
print("pass band from", channel.FilterLowFrequency, "to", channel.FilterHighFrequency)
assert (float(channel.FilterLowFrequency), float(channel.FilterHighFrequency)) == (150, 0.5)
PYTHON
